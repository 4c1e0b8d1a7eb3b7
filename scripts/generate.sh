#!/bin/sh
# Makes the Python of the gRPC contract and the synchronous client, into the tree or, with a folder as the argument, into that folder.
set -eu
out=${1:-.}
python=${PYTHON:-.venv/bin/python}
google=$("$python" -c 'import pathlib, google.rpc.status_pb2 as m; print(pathlib.Path(m.__file__).parents[2])')
"$python" -m grpc_tools.protoc -I protos -I "$google" --python_out="$out" --pyi_out="$out" protos/engine/api/v1/*.proto
"$python" -m grpc_tools.protoc -I protos -I "$google" --grpc_python_out="$out" protos/engine/api/v1/decisions.proto
"$python" scripts/generate-client.py "$out"
