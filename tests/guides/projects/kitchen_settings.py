"""A configuration module, as one that was written for Celery."""

broker_url = "redis://localhost:6379/0"
result_backend = "redis://localhost:6379/1"

task_serializer = "json"
result_serializer = "json"
accept_content = ["json"]
timezone = "Europe/Oslo"
enable_utc = True

task_routes = {"kitchen.weigh": "slow-lane"}
task_annotations = {"kitchen.weigh": {"rate_limit": "10/m"}}
