"""Tests of measuring: attribution, exports, and what is computed from them."""
