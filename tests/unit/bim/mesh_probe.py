"""What test_mesh starts as its child: the real one, but products named so kill or hang a kernel."""

import os
import signal
import time

import bim.child
from bim import mesh_child

real, items_of = mesh_child._shape, mesh_child.items_of


def shape(product, kernel):
    """``dies``, ``hangs``, ``burns`` do so in every kernel, ``dies cgal-simple`` in that one."""
    word, _, which = (product.Name or "").partition(" ")
    if which in {"", kernel} and word == "dies":
        os.kill(os.getpid(), signal.SIGSEGV)
    if which in {"", kernel} and word == "hangs":
        time.sleep(60)
    while which in {"", kernel} and word == "burns":
        pass
    return real(product, kernel)


def items(product):
    """``endless`` is walked for ever, before any kernel; ``odd`` cannot be walked."""
    while product.Name == "endless":
        pass
    if product.Name == "odd":
        raise AttributeError(product.Name)
    return items_of(product)


if __name__ == "__main__":
    mesh_child._shape, mesh_child.items_of = shape, items
    bim.child.main()
