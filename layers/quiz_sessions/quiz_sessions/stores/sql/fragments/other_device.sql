-- Whether what a writer sent comes from another device than the one that may write.
-- Uses access, device and device_since (of the attempt), sent_by and sent_at.
(access ? 'one_device' AND device <> sent_by AND sent_at > device_since) IS TRUE
