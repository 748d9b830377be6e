-- Register a quiz or change its rules, unless that would be unfair to open attempts.
-- Takes    quiz_id, time_limit_seconds, grace_seconds, opens_at, closes_at, max_attempts, when_active, show_results,
--          unknown_questions, questions, gradable, access, one_device, admission_seconds, common_start, paper, contents (of
--          every question: {content, shuffle_options}), at, by,
--          open_attempts (what is to become of open attempts that the new rules would have refused, or null), base (the
--          revision that is changed, 0 if there is none), resent
-- Returns  outcome (written; moved, if the quiz is at another revision; or attempts_open), open (how many attempts are), concerned
--          (how many of them are in its way), weakened (the rules that it takes away or weakens), refused (the open attempts that
--          it would have refused), and, if it was written, the quiz and whether it was created
-- Locks    the quiz's row; runs under lock_quiz, after lock_quiz_row
WITH former AS (
    SELECT * FROM quizzes WHERE quiz_id = %(quiz_id)s
), attempt AS (
    SELECT id, user_id, attempt_no, started_at FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND {open} AND accepts_until >= %(at)s::timestamptz
), refused AS (
    SELECT array_agg(id ORDER BY id) AS ids FROM attempt
    WHERE %(opens_at)s::timestamptz IS NOT NULL AND {begun} < %(opens_at)s::timestamptz
        OR attempt_no > %(max_attempts)s::integer OR %(when_active)s::text <> 'new' AND EXISTS (
        SELECT FROM attempt AS later
        WHERE later.user_id = attempt.user_id AND later.attempt_no > attempt.attempt_no
    )
), weakened AS (
    SELECT array_remove(ARRAY[
        CASE WHEN opens_at IS NOT NULL AND %(opens_at)s::timestamptz IS NULL THEN 'opens_at' END,
        CASE WHEN closes_at IS NOT NULL AND %(closes_at)s::timestamptz IS NULL THEN 'closes_at' END,
        CASE WHEN time_limit_seconds IS NOT NULL AND %(time_limit_seconds)s::integer IS NULL THEN 'time_limit_seconds' END,
        CASE WHEN max_attempts < coalesce(%(max_attempts)s::integer, {max_integer}) THEN 'max_attempts' END,
        CASE WHEN when_active <> 'new' AND %(when_active)s::text = 'new' THEN 'when_active' END,
        CASE WHEN array_position('{never,after_close,after_end}', show_results)
            < array_position('{never,after_close,after_end}', %(show_results)s::text) THEN 'show_results' END,
        CASE WHEN unknown_questions = 'refuse' AND %(unknown_questions)s::text = 'accept' THEN 'unknown_questions' END,
        CASE WHEN EXISTS (
            SELECT FROM jsonb_each(questions) WHERE (value -> 'key') IS NOT NULL AND (%(questions)s::jsonb -> key -> 'key') IS NULL
        ) THEN 'questions' END,
        CASE WHEN former.access ? 'password' AND NOT coalesce(rules ? 'password', false)
            OR former.access ? 'networks' AND NOT coalesce(rules ? 'networks', false)
            OR former.access ? 'seb_config_keys' AND NOT coalesce(rules ? 'seb_config_keys', false)
            -- A network or a key that was not let in before.
            OR former.access ? 'networks' AND EXISTS (
                SELECT FROM jsonb_array_elements_text(rules -> 'networks') AS given (network) WHERE NOT EXISTS (
                    SELECT FROM jsonb_array_elements_text(former.access -> 'networks') AS known (known_network)
                    WHERE network::inet <<= known_network::inet
                )
            )
            OR former.access ? 'seb_config_keys' AND NOT rules -> 'seb_config_keys' <@ (former.access -> 'seb_config_keys')
            THEN 'access' END,
        CASE WHEN array_position('{off,takeover,proctor}', former.one_device)
            > array_position('{off,takeover,proctor}', %(one_device)s::text) THEN 'one_device' END
    ], NULL) AS names
    FROM (SELECT %(access)s::jsonb AS rules) AS one LEFT JOIN former ON true
), concerned AS (
    SELECT CASE WHEN names = '{}' THEN coalesce(array_length(ids, 1), 0)
        ELSE (SELECT count(*) FROM attempt) END::integer AS number
    FROM weakened, refused
), judged AS (
    SELECT CASE
        -- rule: a quiz is changed at the revision that its new rules were made from
        WHEN coalesce((SELECT revision FROM former), 0) <> %(base)s::integer AND NOT EXISTS (
            SELECT FROM former
            WHERE %(resent)s AND updated_at = %(at)s::timestamptz AND updated_by IS NOT DISTINCT FROM %(by)s::text
        ) THEN 'moved'
        WHEN %(open_attempts)s::text IS NULL AND number > 0 AND NOT {acted_before} THEN 'attempts_open'
        ELSE 'written' END AS outcome
    FROM concerned
), written AS (
    INSERT INTO quizzes AS known (
        quiz_id, revision, time_limit_seconds, grace_seconds, opens_at, closes_at, max_attempts,
        when_active, show_results, unknown_questions, questions, gradable, access, one_device, admission_seconds,
        common_start, paper, updated_at, updated_by
    )
    SELECT
        %(quiz_id)s,
        -- Above all revisions of a deleted quiz with this id, so that attempts that it graded do not pass for
        -- graded by this one, nor its papers for drawn from this one's.
        (SELECT greatest(coalesce(max(graded_with), 0), coalesce((
            SELECT max(revision) FROM quiz_revisions WHERE quiz_id = %(quiz_id)s
        ), 0)) + 1 FROM quiz_attempts
            WHERE quiz_id = %(quiz_id)s AND NOT EXISTS (SELECT FROM former)),
        %(time_limit_seconds)s::integer, %(grace_seconds)s::integer, %(opens_at)s::timestamptz, %(closes_at)s::timestamptz,
        %(max_attempts)s::integer, %(when_active)s::text, %(show_results)s::text, %(unknown_questions)s::text, %(questions)s::jsonb,
        %(gradable)s::boolean, %(access)s::jsonb, %(one_device)s::text, %(admission_seconds)s::integer,
        %(common_start)s::boolean, %(paper)s::jsonb, %(at)s::timestamptz, %(by)s::text
    FROM judged WHERE outcome = 'written'
    ON CONFLICT (quiz_id) DO UPDATE SET revision = known.revision + CASE
            WHEN %(resent)s AND known.updated_at = %(at)s::timestamptz
                AND known.updated_by IS NOT DISTINCT FROM %(by)s::text
            THEN 0 ELSE 1 END,
        time_limit_seconds = %(time_limit_seconds)s::integer, grace_seconds = %(grace_seconds)s::integer,
        opens_at = %(opens_at)s::timestamptz, closes_at = %(closes_at)s::timestamptz, max_attempts = %(max_attempts)s::integer,
        when_active = %(when_active)s::text, show_results = %(show_results)s::text,
        unknown_questions = %(unknown_questions)s::text, questions = %(questions)s::jsonb, gradable = %(gradable)s::boolean,
        access = %(access)s::jsonb, one_device = %(one_device)s::text, admission_seconds = %(admission_seconds)s::integer,
        common_start = %(common_start)s::boolean, paper = %(paper)s::jsonb, updated_at = %(at)s::timestamptz,
        updated_by = %(by)s::text
    RETURNING known.*, xmax = 0 OR revision = 1 AS created
), remembered AS (
    INSERT INTO quiz_revisions (quiz_id, revision, paper) SELECT quiz_id, revision, paper FROM written
    ON CONFLICT DO NOTHING
), changed_contents AS (
    INSERT INTO question_contents (quiz_id, question_id, revision, content, shuffle_options)
    SELECT written.quiz_id, key, written.revision, given.content, given.shuffle_options
    FROM written, jsonb_each(%(contents)s::jsonb), LATERAL (
        SELECT nullif(value -> 'content', 'null') AS content, (value ->> 'shuffle_options')::boolean AS shuffle_options
    ) AS given LEFT JOIN LATERAL (
        SELECT content, shuffle_options FROM question_contents AS latest
        WHERE latest.quiz_id = %(quiz_id)s AND latest.question_id = key
        ORDER BY revision DESC LIMIT 1
    ) AS known ON true
    WHERE (given.content, given.shuffle_options) IS DISTINCT FROM (known.content, coalesce(known.shuffle_options, false))
    ON CONFLICT DO NOTHING
    RETURNING question_id
), acted AS (
    INSERT INTO staff_actions (at, by, action, quiz_id, before, after)
    SELECT %(at)s::timestamptz, %(by)s::text, 'put-quiz', quiz_id,
        (SELECT {rules} || jsonb_build_object('questions', (
            SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(quiz.questions)
            WHERE value IS DISTINCT FROM %(questions)s::jsonb -> key
        )) FROM former AS quiz),
        {rules} - 'created' || jsonb_build_object('questions', (
            SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(quiz.questions)
            WHERE value IS DISTINCT FROM (SELECT questions -> key FROM former)
        ), 'open_attempts', %(open_attempts)s::text, 'contents', (
            -- Without what they say, which question_contents has.
            SELECT coalesce(jsonb_agg(question_id ORDER BY question_id), '[]') FROM changed_contents
        )) || CASE WHEN %(open_attempts)s::text = 'abandon'
            THEN jsonb_build_object('to_abandon', (SELECT coalesce(array_length(ids, 1), 0) FROM refused))
            ELSE '{}' END
    FROM written AS quiz WHERE NOT {acted_before}
)
SELECT outcome, (SELECT count(*) FROM attempt)::integer AS open, number AS concerned, names AS weakened, coalesce(ids, '{}') AS refused, {quiz}, created
FROM judged, concerned, weakened, refused LEFT JOIN written ON true
