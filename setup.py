"""What pyproject.toml cannot say: the shelf of networks and the optional C kernel.

`networks/` at the top of the tree is installed as `ddx/networks`. The kernel keeps to the stable ABI of Python 3.10, so
that one wheel serves every later version; without a compiler it is left out, and numpy does its work.
"""

from setuptools import Extension, find_packages, setup

KERNEL = Extension(
    "ddx.engine._kernel",
    sources=["ddx/engine/c/module.c", "ddx/engine/c/passes.c", "ddx/engine/c/subsets.c"],
    depends=["ddx/engine/c/kernel.h"],
    extra_compile_args=["-O3", "-fvisibility=hidden", "-ffp-contract=off"],  # no fused multiply-add: the same digits
    optional=True,
    py_limited_api=True,
)

setup(
    packages=[*find_packages(include=["ddx", "ddx.*"]), "ddx.networks", "ddx.networks.cases", "ddx.networks.roles"],
    package_dir={"ddx.networks": "networks"},
    include_package_data=False,
    package_data={
        "ddx": ["py.typed"],
        "ddx.networks": ["*.yaml"],
        "ddx.networks.cases": ["*.case.yaml"],
        "ddx.networks.roles": ["*.roles.yaml"],
    },
    ext_modules=[KERNEL],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
