#!/bin/sh
# Stands in for a vendor's tool, and prints as such tools do.
cat <<'END'
board 0 (stand-in), driver 2.1
  core temperature:   51.5 C
  input power:        7350 mW
  kernel busy:        42.0 %
  logic used:         63.5 %
END
