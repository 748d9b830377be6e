-- The rules of `quiz` as staff actions tell them.
-- Uses quiz (a row of quizzes).
(to_jsonb(quiz.*) - '{quiz_id,gradable,paused_at,updated_at,updated_by}'::text[] || jsonb_build_object(
    -- rule: no record has the password
    'access', CASE WHEN quiz.access ? 'password' THEN quiz.access || '{"password": true}' ELSE quiz.access END
))
