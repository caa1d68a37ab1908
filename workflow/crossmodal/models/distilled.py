"""A student: a smaller model that starts with what it can inherit from its teacher, and is trained to follow it.

It is saved in open_clip's layout as every model is. Unlike the other kinds it is made from another model and not
from sources: by jobs/distil_model.py.
"""

import torch

from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import Config, build_clip
from crossmodal.models.distilled_params import Params
from crossmodal.models.footprint import Size, size
from crossmodal.models.inheritance import inherit
from crossmodal.models.student_architecture import misfit, student_cfg


def config_of(params: Params, teacher: Config, folder: str | None = None) -> Config:
    """Return the configuration of the student of a model with the configuration `teacher`.

    `folder` is where the config.json of its text tower lies, if that is one of Hugging Face. Raises UserError
    where the teacher has no such student, or reads other tokens or pixels.
    """
    try:
        if params.config is not None:
            config: Config = params.config
        else:
            cfg = student_cfg(teacher["model_cfg"], params.image, params.text, params.embed_dim, folder)
            config = {"model_cfg": cfg, "preprocess_cfg": teacher["preprocess_cfg"]}
        problem = misfit(config["model_cfg"], teacher["model_cfg"])
    except ValueError as error:
        problem = str(error)
    if problem:
        raise UserError(f"the student of {params.teacher}: {problem}")
    return config


def create(params: Params, seed: int, teacher: CLIP, folder: str | None = None) -> tuple[CLIP, list[str]]:
    """Return the student of `params`, not yet trained, in eval(), fp32, on the CPU, and what it inherited.

    `teacher` is a bare model, with an adapter merged, and `folder` as in `config_of`. Inherited are the
    tensors with the returned names; the others are the random ones that `seed` gives. torch's random state is
    left as it was. Raises UserError where the student does not fit its teacher or is larger than it may be.
    """
    config = config_of(params, teacher.config, folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student = build_clip(config, f"the student of {params.teacher}")
    check_size(size(student), size(teacher), params)
    # Another network has other features, so not even its projection can be the teacher's.
    networks = {
        model.config["model_cfg"]["vision_cfg"].get("timm_model_name") for model in (student, teacher)
    }
    return student, inherit(student, teacher, ("visual.",) if len(networks) > 1 else ())


def check_size(student: Size, teacher: Size, params: Params) -> None:
    """Raise UserError where the student is larger than its `largest_share` of the teacher allows."""
    share = student.without_token_table / teacher.without_token_table
    if share > params.largest_share:
        raise UserError(
            f"the student of {params.teacher} has {student.without_token_table:,} parameters without the token"
            f" table, {share:.0%} of its teacher's {teacher.without_token_table:,}; at most"
            f" {params.largest_share:.0%} are allowed (largest_share): take fewer layers, a narrower width or a"
            " smaller image.architecture"
        )
