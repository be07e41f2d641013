"""What test_mesh starts as its child: the real one, but products named so kill or hang a kernel."""

import os
import signal
import time

import bim.child
from bim import mesh_child

real = mesh_child._shape


def shape(product, kernel):
    """``dies`` and ``hangs`` do so in every kernel, ``dies cgal-simple`` in that one only."""
    word, _, which = (product.Name or "").partition(" ")
    if which in {"", kernel} and word == "dies":
        os.kill(os.getpid(), signal.SIGSEGV)
    if which in {"", kernel} and word == "hangs":
        time.sleep(60)
    return real(product, kernel)


if __name__ == "__main__":
    mesh_child._shape = shape
    bim.child.main()
