"""Fixtures that the studies share with the verification."""

from __future__ import annotations

from tests.unit.verification.conftest import pictures

__all__ = ["pictures"]
