//! Runs the committed PTX on the processor, a thread at a time: what a GPU would be told, with every access to memory
//! checked for its bounds and its alignment. It knows the instructions that the kernel is made of, as "Parallel Thread
//! Execution ISA" 7.0 defines them; any other ends the test.

mod parse;
mod step;

use std::collections::BTreeMap;

pub(crate) use parse::parse;

/// A type's letter and bits: `u32` is `('u', 32)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    kind: u8,
    bits: u32,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Register(usize),
    Immediate(u64),
    /// A thread's place: its block, the threads of a block, its number there.
    Block,
    Threads,
    Thread,
}

/// A number of a jump's target, resolved.
type Target = usize;

#[derive(Clone, Debug)]
enum Place {
    /// A register's or a symbol's value, and what is added to it.
    Memory(Value, i64),
    /// A parameter of this function, or of a call in it.
    Variable(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Mov,
    Add { takes: bool, gives: bool },
    Sub { takes: bool, gives: bool },
    MulLow,
    MulHigh,
    MulWide,
    MadLow,
    Div,
    Reciprocal,
    Sqrt,
    Neg,
    Abs,
    Min,
    Max,
    And,
    Or,
    Xor,
    Not,
    Shl,
    Shr,
    FunnelLeft,
    Permute,
    CountOnes,
    LeadingZeros,
    Reverse,
    Select,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Compare {
    less: bool,
    equal: bool,
    greater: bool,
    unordered: bool,
}

#[derive(Clone, Debug)]
enum Instruction {
    Plain { op: Op, ty: Type, to: usize, from: [Value; 3] },
    Pack { to: usize, from: [Value; 2] },
    Unpack { to: [usize; 2], from: Value },
    Convert { to_type: Type, from_type: Type, to: usize, from: Value },
    SetP { compare: Compare, ty: Type, to: usize, from: [Value; 2] },
    Load { ty: Type, to: Vec<usize>, from: Place },
    Store { ty: Type, to: Place, from: Vec<Value> },
    Jump(Target),
    JumpTable { by: Value, to: Vec<Target> },
    Call { function: String, given: Vec<usize>, returned: Vec<usize> },
    Return,
}

#[derive(Clone, Debug)]
struct Line {
    /// It is done only where this register says so, or (true) where it does not.
    unless: Option<(usize, bool)>,
    what: Instruction,
}

#[derive(Clone, Debug, Default)]
struct Function {
    lines: Vec<Line>,
    registers: usize,
    variables: usize,
    /// Variables of what it is given, and of what it returns.
    given: Vec<usize>,
    returned: Vec<usize>,
    local_bytes: usize,
    /// The register-like place that holds the address of its local memory.
    local_at: Option<usize>,
}

/// The whole PTX.
#[derive(Debug)]
pub(crate) struct Module {
    functions: BTreeMap<String, Function>,
    /// What its constants live in.
    globals: Vec<Vec<u128>>,
}

/// Where a thread stands in a launch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) block: u32,
    pub(crate) threads: u32,
    pub(crate) thread: u32,
}
