-- What an attempt keeps of the rules by which its quiz lets requests in, so that writes are judged by it; null for none.
-- Uses quiz_access and quiz_device (of the quiz), page_url (of the student's page, or null).
nullif(jsonb_strip_nulls(jsonb_build_object(
    'networks', quiz_access -> 'networks',
    -- rule: what an attempt keeps, and its audit log shows, is nothing that could be sent
    -- Of each key the hash of the hash that a page sends. Without the page's address none would be let in.
    'config_key_proofs', CASE WHEN quiz_access ? 'seb_config_keys' THEN (
        SELECT coalesce(jsonb_agg(encode(sha256(convert_to(
            encode(sha256(convert_to(page_url || config_key, 'UTF8')), 'hex'), 'UTF8'
        )), 'hex')), '[]')
        FROM jsonb_array_elements_text(quiz_access -> 'seb_config_keys') AS known (config_key)
        WHERE page_url IS NOT NULL
    ) END,
    'page_url', CASE WHEN quiz_access ? 'seb_config_keys' THEN page_url END,
    'one_device', nullif(quiz_device, 'off')
)), '{}')
