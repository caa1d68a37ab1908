"""What importing open_clip by our one place leaves out, and that it is there afterwards."""

import subprocess
import sys

PROGRAM = """
import sys
import crossmodal.models.clip
print(sorted({"torch._dynamo", "torch._dynamo.utils", "transformers"} & sys.modules.keys()))
import torch
from torchvision.ops import roi_align
boxes = [torch.tensor([[0.0, 0.0, 2.0, 2.0]])]
print(tuple(roi_align(torch.rand(1, 1, 4, 4), boxes, 2).shape))
import torch._dynamo.utils
print(torch._dynamo.utils.is_compile_supported("cpu") in (True, False), torch._dynamo.config is not None)
"""


def test_a_job_starts_without_the_compiler_and_can_have_it_later() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "(1, 1, 2, 2)", "True True"]
