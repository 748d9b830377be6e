-- Why a request is refused by where it comes from, as domain/access judges; null if it is not.
-- Uses access (what the attempt keeps), address and config_key_hash (of the request).
-- rule: a request whose source is not known, or not allowed, writes nothing
CASE
    WHEN access ? 'networks' AND NOT EXISTS (
        SELECT FROM jsonb_array_elements_text(access -> 'networks') AS known (network)
        WHERE address <<= network::inet
    ) THEN 'network_refused'
    WHEN access ? 'config_key_proofs' AND config_key_hash IS NULL THEN 'safe_exam_browser_required'
    WHEN access ? 'config_key_proofs'
        AND NOT access -> 'config_key_proofs' ? encode(sha256(convert_to(config_key_hash, 'UTF8')), 'hex')
        THEN 'safe_exam_browser_refused'
END
