//! The committed PTX rounds as IEEE 754 does, operation by operation: what makes a GPU's results the CPU's, bit for bit.

/// Operations of numbers with a point that a target must round as another does, by their beginning.
const ROUNDED: &[&str] = &["add.rn.", "sub.rn.", "mul.rn.", "div.rn.", "rcp.rn.", "sqrt.rn."];

/// Those that round nothing: moves, signs, comparisons.
const EXACT: &[&str] = &[
    "abs.f64",
    "neg.f64",
    "mov.",
    "ld.",
    "st.",
    "selp.",
    "setp.",
    "cvt.rn.f64.s",
    "cvt.rn.f64.u",
    "cvt.rzi.s",
    "cvt.rzi.u",
];

/// What a line does that the kernel must not.
fn fault(line: &str) -> Option<&'static str> {
    let mut words = line.split_whitespace();
    // A predicate may stand before the operation.
    let operation = words.find(|word| !word.starts_with('@'))?.trim_end_matches(';');
    if operation.starts_with('.') {
        return None;
    }
    let parts: Vec<&str> = operation.split('.').collect();
    let is = |part| parts.contains(&part);
    if is("fma") || (is("mad") && (is("f32") || is("f64"))) {
        return Some("a fused multiply-add: it rounds once where the CPU rounds twice");
    }
    if is("f32") || is("f16") || is("approx") || is("ftz") {
        return Some("less than the precision of the CPU's f64");
    }
    if !is("f64") || ROUNDED.iter().chain(EXACT).any(|known| operation.starts_with(known)) {
        return None;
    }
    if is("max") || is("min") {
        return Some(EXTREME);
    }
    Some("an operation that does not say how it rounds, or that is not known here")
}

/// Zeros of both signs are one to a comparison, and two to a maximum: which of them comes out differs between targets.
const EXTREME: &str = "a maximum or minimum that is neither with a number nor compared alone: its zeros have signs";

/// Where a maximum or minimum does no harm: it is with a number that is written out (and becomes a whole one), or nothing
/// is done with it but comparing. The lines are those of one function.
fn is_harmless(lines: &[&str], line: &str) -> bool {
    let words =
        |line: &str| -> Vec<String> { line.split([' ', '\t', ',', ';', '[', ']']).map(str::to_owned).collect() };
    let register = |line: &str| words(line).into_iter().find(|word| word.starts_with('%'));
    let Some(to) = register(line) else { return false };
    if words(line).iter().any(|word| word.starts_with("0d")) {
        return true;
    }
    let uses = lines.iter().filter(|other| **other != line && words(other).contains(&to));
    uses.into_iter().all(|other| {
        let is_extreme = other.contains("max.f64") || other.contains("min.f64");
        other.contains("setp.") || (is_extreme && register(other) != Some(to.clone()) && is_harmless(lines, other))
    })
}

fn faults(ptx: &str) -> Vec<String> {
    let lines: Vec<&str> = ptx.lines().collect();
    let function = |at: usize| {
        let from = lines[..at].iter().rposition(|line| *line == "{").unwrap_or(0);
        let to = lines[at..].iter().position(|line| *line == "}").map_or(lines.len(), |length| at + length);
        &lines[from..to]
    };
    let faults = lines.iter().enumerate().filter_map(|(i, line)| Some((i, line, fault(line)?)));
    let faults = faults.filter(|(i, line, what)| *what != EXTREME || !is_harmless(function(*i), line));
    faults.map(|(i, line, what)| format!("line {}: {}: {what}", i + 1, line.trim())).collect()
}

#[test]
fn the_ptx_rounds_as_the_cpu_does() {
    let ptx = include_str!("../sweep.ptx");
    for entry in ["momentum", "e3", "funding_fade"] {
        assert!(ptx.contains(&format!(".visible .entry {entry}(")), "no entry point `{entry}`");
    }
    assert!(ptx.contains("mul.rn.f64") && ptx.contains(".target sm_80"));
    let faults = faults(ptx);
    assert!(faults.is_empty(), "{} operations:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_ptx_names_no_place_and_no_hash() {
    let ptx = include_str!("../sweep.ptx");
    for name in ["/", "_RNv", "anon_", "home", "root"] {
        let line = ptx.lines().skip(1).find(|line| line.contains(name));
        assert_eq!(line, None, "`{name}` in the PTX: see scripts/build-ptx.sh");
    }
}

#[test]
fn what_must_not_be_is_found() {
    for line in [
        "\tfma.rn.f64 \t%fd1, %fd2, %fd3, %fd4;",
        "@%p1\tfma.rn.f64 \t%fd1, %fd2, %fd3, %fd4;",
        "\tmad.f64 \t%fd1, %fd2, %fd3, %fd4;",
        "\tadd.f64 \t%fd1, %fd2, %fd3;",
        "\tmul.rz.f64 \t%fd1, %fd2, %fd3;",
        "\tadd.rn.f32 \t%f1, %f2, %f3;",
        "\tsqrt.approx.ftz.f32 \t%f1, %f2;",
        "\trcp.approx.ftz.f64 \t%fd1, %fd2;",
        "\tmax.f64 \t%fd1, %fd2, %fd3;\n\tst.b64 \t[%rd1], %fd1;",
        "\tmax.f64 \t%fd1, %fd2, %fd3;\n\tadd.rn.f64 \t%fd4, %fd1, %fd3;",
        "\tcvt.rn.f32.f64 \t%f1, %fd1;",
    ] {
        assert_eq!(faults(line).len(), 1, "{line}");
    }
    for line in [
        "\tadd.rn.f64 \t%rd1, %rd2, 0d3FF0000000000000;",
        "\tmad.lo.s32 \t%r1, %r2, %r3, %r4;",
        "\tmax.f64 \t%rd1, %rd2, 0d3EB0C6F7A0B5ED8D;",
        "\tmax.f64 \t%rd1, %rd2, %rd3;\n\tmin.f64 \t%rd4, %rd1, %rd3;\n\tsetp.gt.f64 \t%p1, %rd4, %rd3;",
        "\t.param .f64 x;",
        "$L__BB0_1:",
        "\tcvt.rzi.s64.f64 \t%rd1, %rd2;",
        "\tbra.uni \t$L__BB0_1;",
    ] {
        assert_eq!(faults(line), Vec::<String>::new(), "{line}");
    }
}
