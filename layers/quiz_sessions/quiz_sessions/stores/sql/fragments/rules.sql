-- The rules of `quiz` as staff actions tell them.
-- Uses quiz (a row of quizzes).
(to_jsonb(quiz.*) - '{quiz_id,gradable,paused_at,updated_at,updated_by}'::text[] || jsonb_build_object(
    -- rule: no record has the password, or a Config Key
    -- That a password was changed can't be told: few are long enough to hide behind a hash.
    'access', quiz.access
        || CASE WHEN quiz.access ? 'password' THEN '{"password": true}' ELSE '{}' END::jsonb
        || CASE WHEN quiz.access ? 'seb_config_keys' THEN jsonb_build_object('seb_config_keys', (
            SELECT jsonb_agg(encode(sha256(convert_to(config_key, 'UTF8')), 'hex'))
            FROM jsonb_array_elements_text(quiz.access -> 'seb_config_keys') AS known (config_key)
        )) ELSE '{}' END
))
