"""What of a configuration decides the result, as one hash."""

from __future__ import annotations

import hashlib

from landda_hpc.config import CampaignConfig, ColmModelConfig, VerificationConfig, dump_config


def config_hash(config: CampaignConfig) -> str:
    """Hash of everything that decides the result; layout, cadence, output, paths, words, how a model is run do not.

    Of the verification only what goes into the campaign's own scores does, not what a finished one is compared with.
    """
    scored = {name: getattr(config.verification, name) for name in ("depths_m", "min_soil_fraction", "discard_days")}
    config = config.model_copy(update={"verification": VerificationConfig(**scored)})
    kept = config.model_copy(
        update={
            name: type(config).model_fields[name].get_default(call_default_factory=True)
            for name in ("parallel", "checkpoint", "output", "description", "data_root")
        }
    )
    if isinstance(kept.model, ColmModelConfig):
        fields = type(kept.model).model_fields
        plain = {name: fields[name].get_default() for name in ColmModelConfig.OPERATION}
        kept = kept.model_copy(update={"model": kept.model.model_copy(update=plain)})
    return hashlib.blake2b(dump_config(kept).encode(), digest_size=16).hexdigest()
