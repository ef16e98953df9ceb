#!/usr/bin/env bash
# Builds services/research/sweep/ptx/sweep.ptx: the kernel as the sweep's GPU code.
#
#   scripts/build-ptx.sh           writes the committed file
#   scripts/build-ptx.sh --check   builds beside it and fails where the two differ
#
# The compiler must have its library's sources, for `core` is built too. On Debian:
#   apt-get install --no-install-recommends rustc-web rust-web-src
# Elsewhere a nightly toolchain with the component rust-src, named by PTX_RUSTC. Another version of the compiler orders
# the same instructions differently, so --check speaks of differences only where the version is the one in the file.
set -euo pipefail
cd "$(dirname "$0")/.."

rustc=${PTX_RUSTC:-/usr/bin/rustc}
to=services/research/sweep/ptx/sweep.ptx
target=${CARGO_TARGET_DIR:-$PWD/target}

[ -x "$rustc" ] || {
    echo "build-ptx.sh: $rustc is missing. On Debian: apt-get install --no-install-recommends rustc-web rust-web-src" >&2
    exit 2
}
version=$("$rustc" --version | cut -d ' ' -f 2)

# Fat LTO in one unit: one module, in one order. Checked arithmetic would be a trap in every addition; the kernel's own
# checks are explicit.
export RUSTC=$rustc RUSTC_BOOTSTRAP=1 CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
    CARGO_PROFILE_RELEASE_PANIC=abort CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=false
unset RUSTC_WRAPPER RUSTFLAGS
assembly=$target/nvptx64-nvidia-cuda/release/deps
rm -f "$assembly"/sweep_ptx*.s
cargo rustc --quiet --release --locked --package sweep-ptx --lib --crate-type cdylib \
    --target nvptx64-nvidia-cuda -Zbuild-std=core --target-dir "$target" -- \
    --emit=asm -C target-cpu=sm_80 -C linker=/bin/true

# Comments and blank lines go. Names that the compiler makes of hashes are numbered in the order in which they come, so
# that they name no folder and no version.
built=$target/nvptx64-nvidia-cuda/release/sweep.ptx
{
    echo "// The decision kernel for GPUs: scripts/build-ptx.sh, rustc $version."
    sed -e 's://.*$::' -e 's/[[:space:]]*$//' -e '/^$/d' "$assembly"/sweep_ptx*.s |
        perl -pe 's/\b(switch_\$_table_\$_[A-Za-z0-9_]+?|_R[A-Za-z0-9_]+?|anon_\$_[0-9a-f]+_\$_\d+)(?=_param_|\b)/$name{$1} \/\/= "mesh_" . ++$count/ge'
} >"$built"

if [ "${1:-}" != --check ]; then
    cp "$built" "$to"
    echo "$to: $(wc -c <"$to") bytes, rustc $version"
elif [ "$(head -n 1 "$to")" != "$(head -n 1 "$built")" ]; then
    echo "not compared: the committed PTX is of another compiler ($(head -n 1 "$to" | sed 's/.*rustc //')), this is $version"
elif ! cmp "$to" "$built"; then
    echo "build-ptx.sh: $to is not what its sources make: run scripts/build-ptx.sh and commit it" >&2
    exit 1
else
    echo "$to is what its sources make"
fi
