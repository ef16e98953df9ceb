//! The program.

mod cli;
mod commands;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use clap::Parser;

use cli::{Cli, Word};
use sweep::Failure;

fn main() -> ExitCode {
    let Cli { home, word } = Cli::parse();
    let mesh = home;
    let home = sweep::store::Home::of(&mesh);
    let result = match word {
        Word::Submit(options) => commands::submit::submit(&mesh, &options),
        Word::Serve { arguments } => Err(serve(&arguments)),
        Word::Run(options) => commands::run::run(&home, &options),
        Word::Resume(options) => commands::run::resume(&home, &options),
        Word::Check { spec, json } => commands::check::check(&spec, 0, json),
        Word::Ls { json } => commands::look::ls(&home, json),
        Word::Show { id, spec, json } => commands::look::show(&home, &id, spec, json),
        Word::Top { id, count, by, json } => commands::look::top(&home, &id, count, by.as_deref(), json),
        Word::Plot(options) => commands::plot::plot(&home, &options),
        Word::Export(options) => commands::look::export(&home, &options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell where even this fails.
            let _ = writeln!(io::stderr(), "sweep: {failure}");
            failure.exit_code()
        }
    }
}

/// Becomes the program that stands beside this one. Returns only when it can't.
fn serve(arguments: &[OsString]) -> Failure {
    let path = std::env::current_exe().unwrap_or_default().with_file_name("sweep-serve");
    let error = Command::new(&path).args(arguments).exec();
    Failure::usage(format!("{} can't be started: {error}; it is built with this program", path.display()))
}
