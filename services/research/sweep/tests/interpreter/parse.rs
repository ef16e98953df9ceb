//! PTX text to instructions.

use std::collections::BTreeMap;

use super::{Compare, Function, Instruction, Line, Module, Op, Place, Type, Value};

/// Names of one function, and their numbers.
#[derive(Default)]
struct Names {
    registers: BTreeMap<String, usize>,
    variables: BTreeMap<String, usize>,
    labels: BTreeMap<String, usize>,
    tables: BTreeMap<String, Vec<String>>,
}

impl Names {
    fn register(&mut self, name: &str) -> usize {
        let next = self.registers.len();
        *self.registers.entry(name.to_owned()).or_insert(next)
    }

    fn variable(&mut self, name: &str) -> usize {
        let next = self.variables.len();
        *self.variables.entry(name.to_owned()).or_insert(next)
    }
}

/// A module of a PTX text.
pub(crate) fn parse(ptx: &str) -> Module {
    let mut module = Module { functions: BTreeMap::new(), globals: Vec::new() };
    let mut symbols = BTreeMap::new();
    let mut rest = ptx.lines().peekable();
    while let Some(line) = rest.next() {
        if line.starts_with(".global") {
            let (name, bytes) = constant(line);
            let mut block = vec![0u128; bytes.len().div_ceil(16)];
            for (i, byte) in bytes.iter().enumerate() {
                block[i / 16] |= u128::from(*byte) << (i % 16 * 8);
            }
            symbols.insert(name, block.as_ptr() as u64);
            module.globals.push(block);
        } else if line.contains(".entry ") || line.starts_with(".func ") {
            let mut head = line.to_owned();
            while !head.ends_with(')') && !head.ends_with(';') {
                head += rest.next().expect("the end of a head");
            }
            // A function that comes later, or a body.
            if rest.next_if(|line| line.trim() == ";").is_some() || head.ends_with(';') {
                continue;
            }
            assert_eq!(rest.next(), Some("{"), "after {head}");
            let body: Vec<&str> = rest.by_ref().take_while(|line| *line != "}").collect();
            let (name, function) = self::function(&head, &body, &symbols);
            module.functions.insert(name, function);
        }
    }
    module
}

/// `.global .align 8 .b8 name[3] = {1, 2, 3};`, what is left out at the end being 0.
fn constant(line: &str) -> (String, Vec<u8>) {
    let (head, values) = line.split_once(" = {").expect("a constant with values");
    let (name, length) = head.trim_end_matches(']').split_once('[').expect("a constant's length");
    let (_, name) = name.split_once(".b8 ").expect("a constant of bytes");
    let mut bytes: Vec<u8> =
        values.trim_end_matches("};").split(", ").map(|byte| byte.parse().expect("a byte")).collect();
    bytes.resize(length.parse().expect("a length"), 0);
    (name.to_owned(), bytes)
}

/// Names of the parameters in `(.param .b64 a, .param .b32 b)`.
fn parameters(list: &str) -> Vec<String> {
    let names = list.split(',').filter_map(|parameter| parameter.split_whitespace().last());
    names.map(|name| name.trim_matches(['(', ')']).to_owned()).filter(|name| !name.is_empty()).collect()
}

fn function(head: &str, body: &[&str], symbols: &BTreeMap<String, u64>) -> (String, Function) {
    let (before, given) = head.rsplit_once('(').expect("parameters");
    // `.func  (.param .b32 returned) name`, `.visible .entry name`.
    let name = before.split_whitespace().last().expect("a name").to_owned();
    let returned =
        before.split_once('(').map_or(Vec::new(), |(_, list)| parameters(list.split(')').next().unwrap_or("")));
    let mut names = Names::default();
    let given = parameters(given).iter().map(|name| names.variable(name)).collect();
    let returned = returned.iter().map(|name| names.variable(name)).collect();
    let mut function = Function { given, returned, ..Function::default() };

    let mut statements = Vec::new();
    let mut open = String::new();
    for line in body {
        let line = line.trim();
        if let Some(label) = line.strip_suffix(':').filter(|_| open.is_empty()) {
            names.labels.insert(label.to_owned(), statements.len());
        } else if open.is_empty() && matches!(line, "{" | "}") {
            // A scope of a call: its names are as good outside of it.
        } else {
            open = format!("{open} {line}");
            if line.ends_with(';') {
                let statement = core::mem::take(&mut open);
                declare(&statement, &mut names, &mut function).unwrap_or_else(|| statements.push(statement.clone()));
            }
        }
    }
    function.lines = statements.iter().map(|statement| self::line(statement, &mut names, symbols)).collect();
    function.registers = names.registers.len();
    function.variables = names.variables.len();
    (name, function)
}

/// Takes a statement that is no instruction.
fn declare(statement: &str, names: &mut Names, function: &mut Function) -> Option<()> {
    let statement = statement.trim().trim_end_matches(';');
    if let Some((name, targets)) = statement.split_once(": .branchtargets") {
        names.tables.insert(name.to_owned(), targets.split(',').map(|target| target.trim().to_owned()).collect());
    } else if statement.starts_with(".local") {
        let (name, bytes) = statement.trim_end_matches(']').split_once('[').expect("local memory's size");
        function.local_bytes = bytes.parse().expect("a size");
        function.local_at = Some(names.register(name.split_whitespace().last().expect("a name")));
    } else if let Some(variable) = statement.strip_prefix(".param") {
        assert!(!variable.contains('['), "a structure as a parameter: {statement}");
        names.variable(variable.split_whitespace().last().expect("a name"));
    } else if !(statement.starts_with(".reg") || statement.starts_with(".pragma")) {
        return None;
    }
    Some(())
}

fn line(statement: &str, names: &mut Names, symbols: &BTreeMap<String, u64>) -> Line {
    let mut text = statement.trim().trim_end_matches(';');
    let mut unless = None;
    if let Some(predicate) = text.strip_prefix('@') {
        let (predicate, rest) = predicate.split_once(char::is_whitespace).expect("an instruction");
        unless = Some((names.register(predicate.trim_start_matches('!')), predicate.starts_with('!')));
        text = rest.trim_start();
    }
    let (operation, arguments) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let parts: Vec<&str> = operation.split('.').collect();
    let what = Reader { names, symbols, statement }.instruction(&parts, &split(arguments));
    Line { unless, what }
}

/// Arguments, those in braces, brackets and parentheses being one.
fn split(arguments: &str) -> Vec<String> {
    let (mut all, mut depth) = (vec![String::new()], 0);
    for c in arguments.chars().filter(|c| !c.is_whitespace()) {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            ',' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        all.last_mut().expect("one at least").push(c);
    }
    all.retain(|argument| !argument.is_empty());
    all
}

struct Reader<'a> {
    names: &'a mut Names,
    symbols: &'a BTreeMap<String, u64>,
    statement: &'a str,
}

impl Reader<'_> {
    fn unknown(&self) -> ! {
        panic!("the interpreter does not know{}: teach it, see the PTX ISA", self.statement)
    }

    fn ty(&self, name: &str) -> Type {
        if name == "pred" {
            return Type { kind: b'p', bits: 1 };
        }
        match name.split_at(1) {
            (kind, bits) if matches!(kind, "b" | "u" | "s" | "f") => {
                Type { kind: kind.as_bytes()[0], bits: bits.parse().unwrap_or_else(|_| self.unknown()) }
            }
            _ => self.unknown(),
        }
    }

    fn value(&mut self, text: &str) -> Value {
        match text {
            "%ctaid.x" => Value::Block,
            "%ntid.x" => Value::Threads,
            "%tid.x" => Value::Thread,
            _ if text.starts_with('%') || text.starts_with("__local") => Value::Register(self.names.register(text)),
            _ => {
                if let Some(address) = self.symbols.get(text) {
                    return Value::Immediate(*address);
                }
                if let Some(bits) = text.strip_prefix("0d") {
                    return Value::Immediate(u64::from_str_radix(bits, 16).unwrap_or_else(|_| self.unknown()));
                }
                if let Some(digits) = text.strip_prefix("0x") {
                    let digits = digits.trim_end_matches('U');
                    return Value::Immediate(u64::from_str_radix(digits, 16).unwrap_or_else(|_| self.unknown()));
                }
                match text.parse::<i128>() {
                    Ok(number) => Value::Immediate(number as u64),
                    Err(_) => self.unknown(),
                }
            }
        }
    }

    /// `{%a, %b}`, or one alone.
    fn values(&mut self, text: &str) -> Vec<Value> {
        text.trim_matches(['{', '}']).split(',').map(|one| self.value(one)).collect()
    }

    fn registers(&mut self, text: &str) -> Vec<usize> {
        text.trim_matches(['{', '}']).split(',').map(|one| self.names.register(one)).collect()
    }

    fn variables(&mut self, text: &str) -> Vec<usize> {
        parameters(text).iter().map(|name| self.names.variable(name)).collect()
    }

    /// `[%a+8]`, `[name]`.
    fn place(&mut self, text: &str, is_variable: bool) -> Place {
        let inner = text.trim_matches(['[', ']']);
        if is_variable {
            return Place::Variable(self.names.variable(inner));
        }
        let (base, offset) = inner.split_once('+').unwrap_or((inner, "0"));
        Place::Memory(self.value(base), offset.parse().unwrap_or_else(|_| self.unknown()))
    }

    fn target(&self, label: &str) -> usize {
        *self.names.labels.get(label).unwrap_or_else(|| self.unknown())
    }

    fn instruction(&mut self, parts: &[&str], arguments: &[String]) -> Instruction {
        let argument = |at: usize| arguments.get(at).map_or("", String::as_str);
        match parts {
            ["bra", ..] => Instruction::Jump(self.target(argument(0))),
            ["brx", "idx"] => {
                let table = self.names.tables.get(argument(1)).cloned().unwrap_or_else(|| self.unknown());
                let to = table.iter().map(|label| self.target(label)).collect();
                Instruction::JumpTable { by: self.value(argument(0)), to }
            }
            ["call", "uni"] => {
                let (returned, rest) = match arguments {
                    [returned, rest @ ..] if returned.starts_with('(') => (self.variables(returned), rest),
                    rest => (Vec::new(), rest),
                };
                let given = rest.get(1).map_or(Vec::new(), |given| self.variables(given));
                Instruction::Call { function: rest[0].clone(), given, returned }
            }
            ["ret"] => Instruction::Return,
            ["ld" | "st", middle @ .., ty] => {
                let ty = self.ty(ty);
                let is_variable = middle.contains(&"param");
                if parts[0] == "ld" {
                    let from = self.place(argument(1), is_variable);
                    Instruction::Load { ty, to: self.registers(argument(0)), from }
                } else {
                    let to = self.place(argument(0), is_variable);
                    Instruction::Store { ty, to, from: self.values(argument(1)) }
                }
            }
            ["cvt", "rn" | "rzi", to, from] | ["cvt", to, from] => Instruction::Convert {
                to_type: self.ty(to),
                from_type: self.ty(from),
                to: self.names.register(argument(0)),
                from: self.value(argument(1)),
            },
            ["mov", "b64"] if argument(0).starts_with('{') => {
                let to = self.registers(argument(0));
                Instruction::Unpack { to: [to[0], to[1]], from: self.value(argument(1)) }
            }
            ["mov", "b64"] if argument(1).starts_with('{') => {
                let from = self.values(argument(1));
                Instruction::Pack { to: self.names.register(argument(0)), from: [from[0], from[1]] }
            }
            ["setp", compare, ty] => Instruction::SetP {
                compare: self.compare(compare),
                ty: self.ty(ty),
                to: self.names.register(argument(0)),
                from: [self.value(argument(1)), self.value(argument(2))],
            },
            [operation @ .., ty] => {
                let ty = if parts[0] == "cvta" { Type { kind: b'b', bits: 64 } } else { self.ty(ty) };
                let op = self.op(operation);
                let to = self.names.register(argument(0));
                let mut from = [Value::Immediate(0); 3];
                for (from, argument) in from.iter_mut().zip(&arguments[1..]) {
                    *from = self.value(argument);
                }
                Instruction::Plain { op, ty, to, from }
            }
            [] => self.unknown(),
        }
    }

    fn op(&self, parts: &[&str]) -> Op {
        match parts {
            ["mov"] | ["cvta", ..] => Op::Mov,
            ["add"] | ["add", "rn"] => Op::Add { takes: false, gives: false },
            ["add", "cc"] => Op::Add { takes: false, gives: true },
            ["addc"] => Op::Add { takes: true, gives: false },
            ["addc", "cc"] => Op::Add { takes: true, gives: true },
            ["sub"] | ["sub", "rn"] => Op::Sub { takes: false, gives: false },
            ["sub", "cc"] => Op::Sub { takes: false, gives: true },
            ["subc"] => Op::Sub { takes: true, gives: false },
            ["subc", "cc"] => Op::Sub { takes: true, gives: true },
            ["mul", "lo" | "rn"] => Op::MulLow,
            ["mul", "hi"] => Op::MulHigh,
            ["mul", "wide"] => Op::MulWide,
            ["mad", "lo"] => Op::MadLow,
            ["div", "rn"] => Op::Div,
            ["rcp", "rn"] => Op::Reciprocal,
            ["sqrt", "rn"] => Op::Sqrt,
            ["neg"] => Op::Neg,
            ["abs"] => Op::Abs,
            ["min"] => Op::Min,
            ["max"] => Op::Max,
            ["and"] => Op::And,
            ["or"] => Op::Or,
            ["xor"] => Op::Xor,
            ["not"] => Op::Not,
            ["shl"] => Op::Shl,
            ["shr"] => Op::Shr,
            ["shf", "l", "wrap"] => Op::FunnelLeft,
            ["selp"] => Op::Select,
            ["prmt"] => Op::Permute,
            ["popc"] => Op::CountOnes,
            ["clz"] => Op::LeadingZeros,
            ["brev"] => Op::Reverse,
            _ => self.unknown(),
        }
    }

    fn compare(&self, name: &str) -> Compare {
        let of = |less, equal, greater, unordered| Compare { less, equal, greater, unordered };
        match name {
            "eq" => of(false, true, false, false),
            "ne" => of(true, false, true, false),
            "lt" => of(true, false, false, false),
            "le" => of(true, true, false, false),
            "gt" => of(false, false, true, false),
            "ge" => of(false, true, true, false),
            "equ" => of(false, true, false, true),
            "neu" => of(true, false, true, true),
            "ltu" => of(true, false, false, true),
            "leu" => of(true, true, false, true),
            "gtu" => of(false, false, true, true),
            "geu" => of(false, true, true, true),
            "num" => of(true, true, true, false),
            "nan" => of(false, false, false, true),
            _ => self.unknown(),
        }
    }
}
