"""The settings of Celery 5.7 that mean nothing here: a line says why of those below it."""

from __future__ import annotations

from collections.abc import Iterator

_TEXT = """
there is no broker; the database is dsn, PGQUEUE_DSN or DATABASE_URL
    broker_url
there is no broker
    broker_read_url broker_write_url broker_transport broker_host broker_port broker_user
    broker_password broker_vhost broker_use_ssl broker_login_method broker_failover_strategy
    broker_native_delayed_delivery_queue_type
there is no broker: no visibility timeout, no prefetching to tune
    broker_transport_options
connections to PostgreSQL: see max_connections of PgQueue
    broker_pool_limit
a worker outlives every outage of the database, and connects again for ever
    broker_connection_timeout broker_connection_retry broker_connection_retry_on_startup
    broker_connection_max_retries broker_channel_error_retry broker_heartbeat
    broker_heartbeat_checkrate broker_pool_acquire_timeout
results are in PostgreSQL, beside the jobs: there is nothing to name
    result_backend
results are in PostgreSQL, beside the jobs
    result_backend_transport_options result_backend_max_sleep_between_retries_ms
    result_backend_max_retries result_backend_base_sleep_between_retries_ms
    result_backend_always_retry result_cache_max result_compression result_exchange
    result_exchange_type result_persistent arangodb_backend_settings
    azureblockblob_container_name azureblockblob_retry_initial_backoff_sec
    azureblockblob_retry_increment_base azureblockblob_retry_max_attempts
    azureblockblob_base_path azureblockblob_connection_timeout azureblockblob_read_timeout
    cache_backend cache_backend_options cassandra_entry_ttl cassandra_keyspace cassandra_port
    cassandra_read_consistency cassandra_servers cassandra_bundle_path cassandra_table
    cassandra_write_consistency cassandra_auth_provider cassandra_auth_kwargs cassandra_options
    cosmosdbsql_database_name cosmosdbsql_collection_name cosmosdbsql_consistency_level
    cosmosdbsql_max_retry_attempts cosmosdbsql_max_retry_wait_time couchbase_backend_settings
    database_url database_engine_options database_engine_callback database_short_lived_sessions
    database_table_schemas database_table_names database_create_tables_at_setup
    elasticsearch_retry_on_timeout elasticsearch_max_retries elasticsearch_timeout
    elasticsearch_save_meta_as_text gcs_bucket gcs_project gcs_base_path gcs_ttl
    mongodb_backend_settings redis_backend_use_ssl redis_db redis_host redis_max_connections
    redis_username redis_password redis_port redis_socket_timeout redis_socket_connect_timeout
    redis_retry_on_timeout redis_socket_keepalive s3_access_key_id s3_secret_access_key
    s3_bucket s3_base_path s3_endpoint_url s3_region
as long as other results: pgqueue.retention
    result_chord_expires result_failure_expires
nobody polls: the last member of a chord releases its body in its own transaction
    result_chord_retry_interval result_chord_join_timeout
messages are not signed: who may write to the tables is for PostgreSQL's roles to say
    security_certificate security_cert_store security_key security_key_password security_digest
nothing has to be sent: what happens to jobs is in the tables
    event_queue_expires event_queue_ttl event_queue_prefix event_queue_exclusive
    event_queue_durable event_serializer event_exchange task_send_sent_event
    worker_send_task_events
commands to workers go through a table
    control_queue_ttl control_queue_expires control_queue_exclusive control_queue_durable
    control_exchange
there are no exchanges, messages and acknowledgements: jobs are rows
    task_acks_on_failure_or_timeout task_acks_on_failure task_acks_on_timeout task_compression
    task_create_missing_queue_type task_create_missing_queue_exchange_type
    task_default_delivery_mode task_default_queue_type task_default_exchange
    task_default_exchange_type task_default_routing_key task_protocol task_queue_max_priority
    worker_detect_quorum_queues
the priority of a job is what its call, task or route says
    task_inherit_parent_priority
jobs of a lost worker always run again; one that has killed three processes fails
    task_retry_on_worker_lost
tracebacks are always stored as text
    task_remote_tracebacks
arguments are shown in full, or cut by who shows them
    task_repr_maxlevels
an errback of a chord is called once
    task_allow_error_cb_on_chord_header
claims adapt by themselves: a slot that is free takes the next job
    worker_prefetch_multiplier worker_disable_prefetch worker_enable_prefetch_count_reduction
    worker_eta_task_limit
a worker has processes with slots; see --processes and -c
    worker_agent worker_autoscaler worker_consumer worker_pool worker_pool_putlocks
    worker_pool_restarts worker_pool_start_method worker_timer worker_timer_precision
    worker_proc_alive_timeout
a claim number fences every write: a job that was taken over cannot be finished twice
    worker_cancel_long_running_tasks_on_connection_loss worker_deduplicate_successful_tasks
no queue of a worker's own: jobs are for whoever is free
    worker_direct
workers can always be asked and told
    worker_enable_remote_control
use --grace
    worker_enable_soft_shutdown_on_idle
a lost process is noticed at once, a lost worker by its lifeline
    worker_lost_wait
revoked jobs are rows; nothing is kept in files
    worker_state_db
colours are for terminals; logs have none
    worker_log_color
what a task prints goes where the worker's standard output goes
    worker_redirect_stdouts worker_redirect_stdouts_level
the scheduler is a part of the worker, and is seen in the tables
    beat_enable_remote_control beat_remote_control_max_tick_age
"""


def meaningless() -> Iterator[tuple[str, str]]:
    """Yield each such setting, and why it means nothing.

    >>> dict(meaningless())["broker_host"]
    'there is no broker'
    """
    note = ""
    for line in _TEXT.strip().splitlines():
        if line.startswith(" "):
            for name in line.split():
                yield name, note
        else:
            note = line
