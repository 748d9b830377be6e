-- Take or renew the lease of the relay, which alone may publish.
-- Takes    holder, seconds
-- Returns  a row if the holder has the lease
-- Locks    the lease's row
INSERT INTO relay_lease AS lease (holder, until)
VALUES (%(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (only_row) DO UPDATE
    SET holder = excluded.holder, until = excluded.until
    WHERE lease.holder = %(holder)s OR lease.until < clock_timestamp()
RETURNING holder
