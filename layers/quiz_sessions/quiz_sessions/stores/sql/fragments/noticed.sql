-- What an event says that is a notice: how many the attempt has now that are not read. No other event says that, but
-- notice_read.
-- Uses unread_notices (of the row before the change).
jsonb_build_object('unread_notices', unread_notices + 1)
