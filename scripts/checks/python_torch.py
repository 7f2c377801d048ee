"""PyTorch for the tests in Python: the one that is installed, else the one in .libtorch.

For the CPU `scripts/setup` takes PyTorch's only wheel on the package index and drops the libraries of
CUDA, 3 GB of them with what they need. PyTorch's module for Python is still there, but it is linked
against them: here it gets small libraries of the same names, in which every function that it lacks
returns zero. Nothing without a GPU calls them. Without a GPU there is no `torch.distributed`
either, whose set-up would construct objects of these libraries.
"""

import ctypes
import pathlib
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = ROOT / ".libtorch"
MISSING = re.compile(r"NEEDED.*\[(lib(?:torch_cuda|c10_cuda|cudnn|cufile|nccl)\.so[.\d]*)\]")
# What is called when the module is loaded, and must return a place to write to.
PLACE = "_ZN4c10d15get_gil_checkerEv"


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def load_library(path):
    """Loads a library for all that are loaded later, too."""
    return ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)


def assembly(names):
    """What defines these names: functions that return zero, type information, and zeros."""
    lines = [".lcomm place, 64"]
    for name in sorted(names):
        lines.append(f".globl {name}")
        if name.startswith("_ZTI"):
            kind = "_ZTVN10__cxxabiv117__class_type_infoE"
            lines += [".data", f".type {name}, @object", f"{name}: .quad {kind} + 16, 1f, 0, 0",
                      f'1: .asciz "{name[4:]}"']
        elif name.startswith("_ZTV") or name.endswith("allocatorE"):
            lines += [".data", f".type {name}, @object", f"{name}: .zero 512"]
        else:
            value = "lea place(%rip), %rax" if name == PLACE else "xor %eax, %eax"
            lines += [".text", f".type {name}, @function", f"{name}: {value}", "ret"]
    return "\n".join([*lines, '.section .note.GNU-stack, "", @progbits', ""])


def load_stand_ins(folder):
    """Makes and loads a library for each that PyTorch's module needs and that is not there."""
    for name in ("libstdc++.so.6", *(folder / f"lib{name}.so" for name in ("torch_cpu", "c10", "shm"))):
        load_library(name)
    module, loaded = folder / "libtorch_python.so", ctypes.CDLL(None)
    undefined = (line.split() for line in said("nm", "-D", "--undefined-only", module).splitlines())
    names = {name.split("@")[0] for kind, name in undefined if kind == "U"}
    lacking = {name for name in names if not hasattr(loaded, name)}
    header = said("readelf", "-d", module)
    with tempfile.TemporaryDirectory() as scratch:
        for library in MISSING.findall(header):
            source, made = pathlib.Path(scratch, "names.s"), pathlib.Path(scratch, library)
            source.write_text(assembly(lacking if library == "libtorch_cuda.so" else []))
            said("cc", "-shared", "-nostdlib", f"-Wl,-soname,{library}", "-o", made, source)
            load_library(made)


class WithoutDistributed:
    """Hides that `torch.distributed` was compiled in, before it is set up."""

    @staticmethod
    def find_spec(name, *_):
        if name == "torch.distributed":
            for part in ("_c10d_init", "_rpc_init", "_dist_autograd_init"):
                delattr(sys.modules["torch._C"], part)


def without_compiler():
    """In the place of PyTorch's compiler, which optimizers ask not to compile them: it needs packages more
    and seconds to load."""
    compiler = types.ModuleType("torch._dynamo")
    compiler.disable, compiler.graph_break = (lambda function, *_, **__: function), (lambda: None)
    return compiler


def load():
    """The module `torch`.

    Where neither is there this raises `ModuleNotFoundError`.
    """
    try:
        import torch
        return torch
    except ModuleNotFoundError:
        pass
    folder = HOME / "torch"
    if not (folder / f"_C.{sysconfig.get_config_var('SOABI')}.so").exists():
        raise ModuleNotFoundError(f"{HOME} has no PyTorch for this Python: remove it, and run scripts/setup")
    sys.path.append(str(HOME))
    if not (folder / "lib" / "libtorch_cuda.so").exists():
        if platform.machine() != "x86_64":
            raise ModuleNotFoundError("the stand-ins for CUDA's libraries are for x86-64: pip install torch")
        for library in HOME.glob("nvidia/*/lib/libcudart.so.*"):
            load_library(library)
        load_library(folder / "lib" / "libtorch_global_deps.so")
        load_stand_ins(folder / "lib")
        sys.meta_path.insert(0, WithoutDistributed)
    import torch
    torch._dynamo = sys.modules["torch._dynamo"] = without_compiler()
    return torch
