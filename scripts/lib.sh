# shellcheck shell=bash
# What the scripts of this folder share; to be sourced.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck disable=SC2034 # used by who sources this
TARGET="${CARGO_TARGET_DIR:-$ROOT/target}"

say() { printf '%s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# need TOOL HOW: stops with what is missing and how to get it.
need() { command -v "$1" >/dev/null || die "no '$1' found: $2"; }

need_cargo() {
  local have wanted
  need cargo 'install Rust from https://rustup.rs and open a new shell'
  # An older one would say so after the downloads, and in words of its own.
  have="$(cargo --version | cut -d' ' -f2)" || die "cargo does not start (above)"
  wanted="$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$ROOT/Cargo.toml")"
  [[ "$(printf '%s\n' "$wanted" "$have" | sort -V | head -1)" == "$wanted" ]] ||
    die "Rust $have is too old, $wanted or newer is needed: rustup update"
}
need_python() {
  need python3 'install Python 3.10 or newer (Debian, Ubuntu: apt install python3 python3-pip python3-venv)'
}
need_pip() {
  need_python
  python3 -m pip --version >/dev/null 2>&1 ||
    die "python3 has no pip: Debian, Ubuntu: apt install python3-pip; elsewhere: python3 -m ensurepip"
}

# keep_figure FIGURE NAME: takes a run's figure, a path without an ending, over into the docs: the picture and
# what `lab figures docs/figures` draws it again from.
keep_figure() {
  mkdir -p "$ROOT/docs/figures"
  for ending in png json; do cp "$1.$ending" "$ROOT/docs/figures/$2.$ending"; done
}

has_nvidia_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU '; }

# make_venv FOLDER REQUIREMENTS: a Python environment with just these packages, made anew when the
# requirements have changed or when an earlier attempt was interrupted.
make_venv() {
  local folder="$1" requirements="$2"
  cmp -s "$requirements" "$folder/installed.txt" && return
  need_pip
  say "installing the Python packages of ${requirements#"$ROOT"/} into ${folder#"$ROOT"/} ..."
  rm -rf "$folder"
  python3 -m venv "$folder" ||
    die "python3 can't make an environment: Debian, Ubuntu: apt install python3-venv"
  "$folder/bin/python" -m pip install --quiet --requirement "$requirements" ||
    die "pip couldn't install ${requirements#"$ROOT"/} (above): check the network and the package index"
  cp "$requirements" "$folder/installed.txt"
}
