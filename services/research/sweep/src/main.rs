//! The program.

mod cli;
mod commands;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Word};

fn main() -> ExitCode {
    let Cli { home, word } = Cli::parse();
    let home = sweep::store::Home::of(&home);
    let result = match word {
        Word::Run(options) => commands::run::run(&home, &options),
        Word::Resume(options) => commands::run::resume(&home, &options),
        Word::Check { spec, json } => commands::run::check(&spec, json),
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
