#!/bin/sh
exec cci shell --attach-if-running -- "$@"
