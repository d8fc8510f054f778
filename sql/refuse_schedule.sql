-- Notes why a schedule cannot be kept. It is not due any more until somebody changes or resumes it.
update pgqueue.schedules s
set error = %(error)s::text
where s.name = %(name)s::text
