#!/bin/sh
# Makes the Python of the gRPC contract and the synchronous clients, into the tree or, with a folder as the argument, into that folder.
set -eu
out=${1:-.}
python=${PYTHON:-.venv/bin/python}
"$python" -m grpc_tools.protoc -I protos --python_out="$out" --pyi_out="$out" protos/engine/api/v1/*.proto
"$python" -m grpc_tools.protoc -I protos --grpc_python_out="$out" protos/engine/api/v1/decisions.proto \
    protos/engine/api/v1/privacy.proto protos/engine/api/v1/rulebooks.proto
"$python" scripts/generate-client.py "$out"
