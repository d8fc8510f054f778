-- Lets claims from a paused queue go on, and wakes the workers that sleep.
create or replace function pgqueue.resume(queue text) returns void
    language plpgsql volatile
as $$
begin
    update pgqueue.queues q set paused_at = null where q.name = resume.queue;
    perform pgqueue.wake(resume.queue, 'pgqueue.jobs');
end $$;
