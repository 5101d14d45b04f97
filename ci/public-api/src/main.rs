//! Prints the public items that a rustdoc JSON file tells of, one a line; for ci/check-public-api.

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let path = std::env::args_os()
        .nth(1)
        .context("name the JSON file that rustdoc wrote")?;
    let items = public_api::Builder::from_rustdoc_json(&path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| format!("cannot read {}", path.display()))?;
    print!("{items}");
    Ok(())
}
