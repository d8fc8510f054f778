-- Of each task with limits: how many claims there were, how many of them a rescue took back, how many
-- keys, and how many of one key ran at once at most. What ends at the moment at which another begins,
-- has ended.
select split_part(k.limit_key, ':', 1) as task, sum(k.claims)::integer, sum(k.lost)::integer,
    count(*)::integer as keys, max(k.at_once)::integer
from (
    select r.limit_key, count(*) filter (where r.step > 0) as claims, count(*) filter (where r.lost) as lost,
        max(r.at_once) as at_once
    from (
        select e.limit_key, e.step, e.lost,
            sum(e.step) over (partition by e.limit_key order by e.at, e.step rows unbounded preceding) as at_once
        from (
            select w.limit_key, w.began as at, 1 as step, false as lost from pgqueue.witness w
            union all
            select w.limit_key, w.ended, -1, w.lost from pgqueue.witness w where w.ended is not null
        ) e
    ) r
    group by r.limit_key
) k
group by split_part(k.limit_key, ':', 1)
