#!/usr/bin/env python3
# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""interrupt.py FILE COMMAND...: starts the command and interrupts it once it has made FILE."""
import os
import signal
import subprocess
import sys
import time

made, command = sys.argv[1], sys.argv[2:]
run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
end = time.monotonic() + 20
while not os.path.exists(made) and run.poll() is None and time.monotonic() < end:
    time.sleep(0.001)
run.send_signal(signal.SIGINT)
said = run.communicate()[1]
assert run.returncode == 130 and "stopped in n" in said, (run.returncode, said)
