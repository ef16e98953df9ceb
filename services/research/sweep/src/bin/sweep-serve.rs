//! `sweep serve`: a process of the mesh.

use std::process::ExitCode;

fn main() -> ExitCode {
    sweep::serve::main()
}
