-- The sections that a seed gives of a quiz's paper, as domain/papers draws them; null without a paper.
-- Uses paper (of the quiz) and seed.
(
    SELECT jsonb_agg(section - '{pick,shuffle}'::text[] || jsonb_build_object('questions', (
        SELECT jsonb_agg(question ORDER BY CASE WHEN (section ->> 'shuffle')::boolean THEN rank END, position)
        FROM (
            SELECT question, position, rank, row_number() OVER (ORDER BY rank) AS place
            FROM jsonb_array_elements_text(section -> 'questions') WITH ORDINALITY AS listed (question, position), LATERAL (
                SELECT sha256(convert_to(seed || '/' || (number - 1) || '/' || question, 'UTF8')) AS rank
            ) AS ranking
        ) AS ranked
        WHERE place <= coalesce((section ->> 'pick')::integer, {max_integer})
    )) ORDER BY number)
    FROM jsonb_array_elements(paper -> 'sections') WITH ORDINALITY AS sections (section, number)
)
