//! Prints the table of docs/lints.md.

fn main() {
    print!("{}", pki::lint::table());
}
