"""What a server counts about itself, and where it is shown: `metrics` on a port for Prometheus, or sent by OTLP.

Without such a port and a collector nothing is counted, and prometheus_client is not imported.
"""
