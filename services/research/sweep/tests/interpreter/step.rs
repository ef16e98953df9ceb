//! Instructions, one after the other.

use std::cmp::Ordering;
use std::ops::Range;

use super::{Compare, Function, Instruction, Module, Op, Place, Standing, Type, Value};

/// One call of a function.
struct Frame<'m> {
    function: &'m Function,
    registers: Vec<u64>,
    variables: Vec<u64>,
    local: Vec<u128>,
    carry: bool,
}

/// A thread.
struct Thread<'m> {
    module: &'m Module,
    memory: &'m [Range<u64>],
    standing: Standing,
    /// Local memory of the calls under way.
    locals: Vec<(u64, u64)>,
    steps: u64,
}

impl Module {
    /// Runs a thread of an entry point, which may touch `memory` beside what is the module's and its own; how many
    /// instructions it took.
    pub(crate) fn run(&self, entry: &str, arguments: &[u64], memory: &[Range<u64>], standing: Standing) -> u64 {
        let mut thread = Thread { module: self, memory, standing, locals: Vec::new(), steps: 0 };
        thread.call(entry, arguments);
        thread.steps
    }
}

const fn mask(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

/// As a number of its type: signed where that is.
const fn number(x: u64, ty: Type) -> i128 {
    let shift = 64 - ty.bits;
    if ty.kind == b's' { ((x << shift) as i64 >> shift) as i128 } else { (x & mask(ty.bits)) as i128 }
}

impl<'m> Thread<'m> {
    fn call(&mut self, name: &str, given: &[u64]) -> Vec<u64> {
        let module = self.module;
        let function = module.functions.get(name).unwrap_or_else(|| panic!("no function `{name}`"));
        assert_eq!(function.given.len(), given.len(), "arguments of `{name}`");
        let mut frame = Frame {
            function,
            registers: vec![0; function.registers],
            variables: vec![0; function.variables],
            local: vec![u128::MAX / 3; function.local_bytes.div_ceil(16)],
            carry: false,
        };
        for (variable, value) in function.given.iter().zip(given) {
            frame.variables[*variable] = *value;
        }
        let at = frame.local.as_ptr() as u64;
        if let Some(register) = function.local_at {
            frame.registers[register] = at;
        }
        self.locals.push((at, at + function.local_bytes as u64));
        let mut next = 0;
        while let Some(to) = self.step(&mut frame, next) {
            next = to;
        }
        self.locals.pop();
        function.returned.iter().map(|variable| frame.variables[*variable]).collect()
    }

    fn value(&self, frame: &Frame<'_>, value: Value) -> u64 {
        match value {
            Value::Register(register) => frame.registers[register],
            Value::Immediate(x) => x,
            Value::Block => u64::from(self.standing.block),
            Value::Threads => u64::from(self.standing.threads),
            Value::Thread => u64::from(self.standing.thread),
        }
    }

    /// An address that may be read or written, or the test ends.
    fn address(&self, frame: &Frame<'_>, base: Value, offset: i64, bytes: u64) -> *mut u8 {
        let at = self.value(frame, base).wrapping_add_signed(offset);
        let end = at.wrapping_add(bytes);
        let constants = self.module.globals.iter().map(|block| {
            let range = block.as_ptr_range();
            (range.start as u64, range.end as u64)
        });
        let given = self.memory.iter().map(|range| (range.start, range.end));
        let mut allowed = given.chain(self.locals.iter().copied()).chain(constants);
        assert!(allowed.any(|(from, to)| at >= from && end <= to), "{bytes} bytes at {at:#x} are nobody's");
        assert_eq!(at % bytes, 0, "{bytes} bytes at {at:#x} are not aligned");
        at as *mut u8
    }

    /// Does the instruction at `at`; which comes next, or none where the function returns.
    fn step(&mut self, frame: &mut Frame<'m>, at: usize) -> Option<usize> {
        self.steps += 1;
        let line = &frame.function.lines[at];
        if line.unless.is_some_and(|(register, negated)| (frame.registers[register] & 1 == 0) != negated) {
            return Some(at + 1);
        }
        match &line.what {
            Instruction::Plain { op, ty, to, from } => {
                let values = from.map(|value| self.value(frame, value));
                frame.registers[*to] = plain(*op, *ty, values, &mut frame.carry);
            }
            Instruction::Pack { to, from } => {
                let [low, high] = from.map(|value| self.value(frame, value) & mask(32));
                frame.registers[*to] = high << 32 | low;
            }
            Instruction::Unpack { to, from } => {
                let value = self.value(frame, *from);
                [frame.registers[to[0]], frame.registers[to[1]]] = [value & mask(32), value >> 32];
            }
            Instruction::Convert { to_type, from_type, to, from } => {
                frame.registers[*to] = convert(*to_type, *from_type, self.value(frame, *from));
            }
            Instruction::SetP { compare, ty, to, from } => {
                let [a, b] = from.map(|value| self.value(frame, value));
                frame.registers[*to] = u64::from(holds(*compare, *ty, a, b));
            }
            Instruction::Load { ty, to, from } => match from {
                Place::Variable(variable) => frame.registers[to[0]] = frame.variables[*variable],
                Place::Memory(base, offset) => {
                    let bytes = u64::from(ty.bits / 8);
                    let address = self.address(frame, *base, *offset, bytes * to.len() as u64);
                    for (i, register) in to.iter().enumerate() {
                        frame.registers[*register] = load(address, i * bytes as usize, *ty);
                    }
                }
            },
            Instruction::Store { ty, to, from } => match to {
                Place::Variable(variable) => frame.variables[*variable] = self.value(frame, from[0]),
                Place::Memory(base, offset) => {
                    let bytes = (ty.bits / 8) as usize;
                    let address = self.address(frame, *base, *offset, (bytes * from.len()) as u64);
                    for (i, value) in from.iter().enumerate() {
                        let value = self.value(frame, *value).to_le_bytes();
                        // SAFETY: `address` looked at it.
                        #[allow(unsafe_code)]
                        unsafe {
                            address.add(i * bytes).copy_from(value.as_ptr(), bytes);
                        }
                    }
                }
            },
            Instruction::Jump(target) => return Some(*target),
            Instruction::JumpTable { by, to } => return Some(to[self.value(frame, *by) as usize]),
            Instruction::Call { function, given, returned } => {
                let given: Vec<u64> = given.iter().map(|variable| frame.variables[*variable]).collect();
                let values = self.call(function, &given);
                assert_eq!(values.len(), returned.len());
                for (variable, value) in returned.iter().zip(values) {
                    frame.variables[*variable] = value;
                }
            }
            Instruction::Return => return None,
        }
        Some(at + 1)
    }
}

fn load(address: *const u8, at: usize, ty: Type) -> u64 {
    let mut value = [0u8; 8];
    // SAFETY: the thread looked at the address.
    #[allow(unsafe_code)]
    unsafe {
        value.as_mut_ptr().copy_from(address.add(at), (ty.bits / 8) as usize);
    }
    number(u64::from_le_bytes(value), ty) as u64
}

fn convert(to: Type, from: Type, x: u64) -> u64 {
    match (to.kind, from.kind) {
        (b'f', b's') => (number(x, from) as i64 as f64).to_bits(),
        (b'f', b'u') => (number(x, from) as u64 as f64).to_bits(),
        // Towards zero, held within the type.
        (b's', b'f') => (f64::from_bits(x) as i64).clamp(-1 << (to.bits - 1), (mask(to.bits) >> 1) as i64) as u64,
        (b'u', b'f') => (f64::from_bits(x) as u64).min(mask(to.bits)),
        (b'f', _) | (_, b'f') => panic!("a conversion that is not known: {from:?} to {to:?}"),
        _ => number(x, from) as u64 & mask(to.bits),
    }
}

fn holds(compare: Compare, ty: Type, a: u64, b: u64) -> bool {
    let ordering = if ty.kind == b'f' {
        f64::from_bits(a).partial_cmp(&f64::from_bits(b))
    } else {
        Some(number(a, ty).cmp(&number(b, ty)))
    };
    match ordering {
        Some(Ordering::Less) => compare.less,
        Some(Ordering::Equal) => compare.equal,
        Some(Ordering::Greater) => compare.greater,
        None => compare.unordered,
    }
}

fn plain(op: Op, ty: Type, values: [u64; 3], carry: &mut bool) -> u64 {
    if ty.kind == b'f' && ty.bits == 64 && !matches!(op, Op::Mov | Op::Select) {
        return of_f64(op, values.map(f64::from_bits)).to_bits();
    }
    let bits = ty.bits;
    let [a, b, c] = values;
    let [x, y] = [a, b].map(|value| number(value, ty));
    let result = match op {
        Op::Mov => a,
        Op::Add { takes, gives } => {
            let sum = u128::from(a & mask(bits)) + u128::from(b & mask(bits)) + u128::from(takes && *carry);
            if gives {
                *carry = sum >> bits != 0;
            }
            sum as u64
        }
        Op::Sub { takes, gives } => {
            let taken = u128::from(b & mask(bits)) + u128::from(takes && *carry);
            let difference = u128::from(a & mask(bits)).wrapping_sub(taken);
            if gives {
                // The flag of a subtraction is its borrow.
                *carry = u128::from(a & mask(bits)) < taken;
            }
            difference as u64
        }
        Op::MulLow => a.wrapping_mul(b),
        Op::MulHigh if ty.kind == b's' => (x.wrapping_mul(y) >> bits) as u64,
        Op::MulHigh => ((x as u128).wrapping_mul(y as u128) >> bits) as u64,
        Op::MulWide => return x.wrapping_mul(y) as u64 & mask(2 * bits),
        Op::MadLow => a.wrapping_mul(b).wrapping_add(c),
        Op::Neg => a.wrapping_neg(),
        Op::Abs => x.unsigned_abs() as u64,
        Op::Min => x.min(y) as u64,
        Op::Max => x.max(y) as u64,
        Op::And => a & b,
        Op::Or => a | b,
        Op::Xor => a ^ b,
        Op::Not => !a,
        Op::Shl => a.checked_shl(b as u32).filter(|_| b as u32 <= bits).unwrap_or(0),
        Op::Shr => (x >> (b as u32).min(100)) as u64,
        Op::FunnelLeft => funnel(a, b, c),
        Op::Select => {
            if c & 1 == 1 {
                a
            } else {
                b
            }
        }
        Op::Permute => permute(a, b, c),
        Op::CountOnes => u64::from((a & mask(bits)).count_ones()),
        Op::LeadingZeros => u64::from((a & mask(bits)).leading_zeros() + bits - 64),
        Op::Reverse => a.reverse_bits() >> (64 - bits),
        Op::Div | Op::Reciprocal | Op::Sqrt => panic!("{op:?} of whole numbers is not known"),
    };
    result & mask(bits)
}

/// The upper half of two words, the lower one first, after a shift to the left.
const fn funnel(low: u64, high: u64, shift: u64) -> u64 {
    let both = (high & mask(32)) << 32 | (low & mask(32));
    both << (shift & 31) >> 32
}

/// Bytes of two words, the lower one first, each by its number.
fn permute(low: u64, high: u64, which: u64) -> u64 {
    let bytes = ((high & mask(32)) << 32 | (low & mask(32))).to_le_bytes();
    let byte = |at: u64| {
        let number = which >> (4 * at) & 15;
        assert!(number < 8, "a byte that repeats a sign is not known");
        u64::from(bytes[number as usize]) << (8 * at)
    };
    (0..4).map(byte).fold(0, |word, byte| word | byte)
}

fn of_f64(op: Op, [a, b, _]: [f64; 3]) -> f64 {
    match op {
        Op::Add { .. } => a + b,
        Op::Sub { .. } => a - b,
        Op::MulLow => a * b,
        Op::Div => a / b,
        Op::Reciprocal => 1.0 / a,
        Op::Sqrt => a.sqrt(),
        Op::Neg => -a,
        Op::Abs => a.abs(),
        Op::Min => a.min(b),
        Op::Max => a.max(b),
        _ => panic!("{op:?} of f64 is not known"),
    }
}
