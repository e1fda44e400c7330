"""Puts the ONNX files of a folder before ONNX's checker: python3 check.py FOLDER"""

import glob
import os
import sys

import onnx

files = sorted(glob.glob(os.path.join(sys.argv[1], "*.onnx")))
assert files, "no files"
for path in files:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        assert all(n.domain in ("", "ai.onnx") for n in model.graph.node), "an operator that is not standard"
        assert len(model.opset_import) == 1 and model.opset_import[0].version >= 17
    except Exception as e:
        sys.exit("%s: %s" % (path, e))
print("%d files pass the checker of onnx %s" % (len(files), onnx.__version__))
