"""The attacks on the service, under the headings of the OWASP API Security Top 10 (2023), each with its test.

What an attacker has tried stays here: `unit/test_security_document.py` fails where a test is gone.
"""

from __future__ import annotations

from collections.abc import Mapping

ATTACKS: Mapping[str, Mapping[str, str]] = {
    "1 Broken object level authorization": {
        "another's session by every route": "integration/test_identity.py::test_what_each_caller_gets",
        "what another wrote, in a reply of any route": "hostile/test_hidden.py::"
        "test_no_route_shows_a_student_what_is_hidden",
        "another's session told apart from none": "integration/test_identity.py::"
        "test_the_session_of_another_is_told_as_one_that_does_not_exist",
        "writes to another's session, cached or not, open or ended": "integration/test_identity.py::"
        "test_an_attempt_of_another_stays_as_it_is",
        "writes to another's session while the database is away": "integration/test_identity.py::"
        "test_without_postgres_no_answer_of_another_is_buffered",
        "another's idempotency key": "hostile/test_others.py::test_a_key_of_somebody_else_finds_nothing",
        "a student's idempotency key, used by staff": "integration/test_staff_actions.py::"
        "test_the_key_of_a_student_is_not_used_up_by_staff",
        "another's cursor": "hostile/test_others.py::test_a_cursor_of_somebody_else_shows_only_ones_own",
        "another's receipt": "hostile/test_tampering.py::"
        "test_a_genuine_receipt_does_not_show_another_session",
        "the user_id of a cached row that is open": "hostile/test_attacks.py::"
        "test_a_cached_row_of_another_user_ends_and_commits_nothing",
        "the user_id of a cached row that has ended": "hostile/test_attacks.py::"
        "test_a_cached_row_of_another_user_shows_no_score",
    },
    "2 Broken authentication": {
        "no token, or a bad one, by every route": "hostile/test_attacks.py::test_a_bad_token_opens_no_route",
        "tokens of every bad make": "unit/test_authorizer.py::test_a_bad_token_is_refused",
        "tokens for others, by others, or over": "unit/test_authorizer.py::"
        "test_a_token_with_bad_claims_is_refused",
        "a token that was good once": "unit/test_authorizer.py::"
        "test_a_token_replayed_after_its_end_is_refused",
        "a token that names nobody": "hostile/test_others.py::test_who_is_nobody_does_nothing",
        "claims that the caller brings": "unit/test_authorizer.py::"
        "test_an_event_of_anyone_elses_making_is_replaced",
        "a beacon of another session": "integration/test_beacons.py::"
        "test_a_token_of_another_session_is_refused",
        "a beacon used twice": "integration/test_beacons.py::test_a_token_is_good_for_one_beacon",
        "a beacon that is over": "integration/test_beacons.py::test_a_token_is_not_good_for_ever",
        "a forged beacon": "hostile/test_attacks.py::test_a_forged_beacon_is_refused",
        "a receipt as a beacon": "integration/test_beacons.py::test_a_receipt_is_no_token",
    },
    "3 Broken object property level authorization": {
        "a hidden score: read, replayed, at a version, listed, in a 409": "integration/test_disclosure.py::"
        "test_an_owner_never_sees_a_score_that_is_never_shown",
        "a hidden score in the reply to the hand-in": "integration/test_disclosure.py::"
        "test_a_hand_in_is_told_its_score_only_where_it_is_shown",
        "a hidden score in a 412": "hostile/test_hidden.py::test_no_route_shows_a_student_what_is_hidden",
        "answers or a score in the refusal of a beacon": "hostile/test_attacks.py::"
        "test_the_refusal_of_a_beacon_shows_nothing_of_the_session",
        "a hidden score of one's own, with scopes of staff": "hostile/test_attacks.py::"
        "test_staff_see_no_more_of_a_score_of_their_own_than_a_student",
        "a score of one's own, read with scopes of staff, and answered after": "hostile/test_attacks.py::"
        "test_that_staff_were_shown_a_score_of_their_own_is_recorded",
        "a score of one's own, exported or in the statistics with scopes of staff": "integration/"
        "test_exports.py::test_what_the_caller_did_as_a_student_is_left_out",
        "an export of another, or its link once it is over": "integration/test_exports.py::"
        "test_a_link_is_of_one_export_and_for_ten_minutes",
        "hidden results": "integration/test_quizzes.py::test_hidden_results_are_a_403_to_a_student_alone",
        "a key, found out by trying": "integration/test_disclosure.py::test_a_key_is_not_found_out_by_trying",
        "the key of a quiz": "hostile/test_others.py::test_a_student_does_not_see_the_answer_key",
        "a field that nobody thought of": "hostile/test_hidden.py::"
        "test_of_every_field_of_every_reply_it_is_decided_who_sees_it",
        "members that a body should not have": "unit/test_schemas.py::test_an_unknown_field_is_refused",
    },
    "4 Unrestricted resource consumption": {
        "60 answers of 1e308 each": "integration/test_caller_limits.py::"
        "test_numbers_count_as_they_are_written_out",
        "late answers without end": "integration/test_caller_limits.py::"
        "test_late_answers_are_kept_up_to_the_size_of_a_session",
        "hand-ins without end": "integration/test_caller_limits.py::"
        "test_other_hand_ins_are_kept_up_to_the_size_of_a_session",
        "deep JSON": "hostile/test_bodies.py::"
        "test_a_body_that_is_none_is_refused_everywhere_and_nothing_is_stored",
        "a million values": "hostile/test_bodies.py::test_an_answer_of_a_million_values_is_too_large",
        "values that are slow to look at, by every route": "hostile/test_bodies.py::"
        "test_no_operation_takes_a_body_of_too_many_values",
        "a large body without a token": "hostile/test_bodies.py::"
        "test_a_beacon_is_as_large_as_browsers_send_it",
        "answers that are slow to grade": "unit/test_grading.py::"
        "test_an_answer_of_marks_is_told_apart_at_once",
        "huge exponents": "unit/test_grading.py::test_an_exponent_may_be_huge",
        "writes as fast as can be": "integration/test_caller_limits.py::"
        "test_simultaneous_writes_pass_no_limit",
        "starts as fast as can be": "integration/test_caller_limits.py::test_starts_are_limited_by_caller",
        "beacons as fast as can be": "integration/test_caller_limits.py::"
        "test_a_beacon_is_limited_as_an_autosave",
        "connections without end": "hostile/test_slow_clients.py::"
        "test_one_connection_too_many_is_refused_until_another_one_ends",
    },
    "5 Broken function level authorization": {
        "every route without its scope": "integration/test_identity.py::test_what_each_caller_gets",
        "every route with a scope that only looks like its own": "hostile/test_attacks.py::"
        "test_what_is_almost_a_scope_is_none",
        "a group of the student's own choice": "integration/test_labels.py::"
        "test_a_student_does_not_choose_the_group",
        "acts without a trace": "integration/test_staff_actions.py::"
        "test_an_action_of_staff_is_recorded_with_who_what_and_why",
        "a reason that shows nothing": "integration/test_staff_actions.py::"
        "test_a_reason_that_shows_nothing_is_none",
        "a trace that is removed": "integration/test_staff_actions.py::"
        "test_the_service_can_not_change_what_was_recorded",
    },
    "6 Unrestricted access to sensitive flows": {
        "a start before the quiz is registered": "integration/test_staff_actions.py::"
        "test_a_quiz_that_nobody_registered_is_not_started",
        "a quiz deleted and registered again": "hostile/test_attacks.py::"
        "test_a_quiz_that_is_registered_again_knows_its_attempts",
        "a quiz deleted under an open attempt": "integration/test_quizzes.py::"
        "test_a_quiz_with_open_attempts_is_not_deleted",
        "a deleted quiz with hidden results": "integration/test_disclosure.py::"
        "test_a_quiz_that_was_deleted_shows_nothing",
        "an opening that is moved behind an open attempt": "integration/test_open_attempts.py::"
        "test_a_rule_that_would_have_refused_open_attempts_is_refused_with_their_number",
        "rules that a PUT of one field takes away": "integration/test_open_attempts.py::"
        "test_it_is_said_over_http",
        "an attempt beside the open one, by default": "unit/test_schemas.py::"
        "test_a_quiz_demands_nothing_by_itself",
        "more attempts than allowed, at once": "integration/test_quizzes.py::"
        "test_twenty_simultaneous_starts_do_not_pass_max_attempts",
        "a body held back over the deadline": "hostile/test_slow_clients.py::"
        "test_a_body_that_is_held_back_over_the_deadline_is_too_late",
        "a time that is not the request's": "unit/test_gateway.py::"
        "test_a_time_that_can_not_be_is_not_believed",
        "results shown while another's grace runs": "integration/test_disclosure.py::"
        "test_results_wait_for_the_grace_of_others",
        "results shown while another's extra time runs": "hostile/test_attacks.py::"
        "test_results_wait_for_the_extra_time_of_others",
        "results shown while another may still start": "integration/test_standing_accommodations.py::"
        "test_results_wait_for_whoever_may_still_start",
        "an answer after results were read": "integration/test_disclosure.py::"
        "test_an_answer_from_before_the_end_that_comes_after_results_were_read_is_refused_and_kept",
        "a draft that is put into Valkey after results were read": "integration/test_disclosure.py::"
        "test_a_draft_that_comes_after_results_were_read_is_a_late_answer",
        "a late draft that is put into Valkey beside an ended attempt": "integration/test_disclosure.py::"
        "test_a_draft_counts_up_to_a_quarter_of_an_hour_after_the_row_has_ended",
        "the deadline of a cached row": "hostile/test_attacks.py::"
        "test_a_cached_row_of_a_later_deadline_wins_no_time",
        "the quiz of a cached row": "hostile/test_attacks.py::"
        "test_a_cached_row_of_another_quiz_shows_no_score",
    },
    "7 Server side request forgery": {
        "a way out of the network": "unit/test_template.py::"
        "test_endpoints_let_through_only_what_the_functions_ask_for",
        "an address in every string": "hostile/test_attacks.py::test_no_address_that_is_sent_is_called",
        "an address of keys in a token": "hostile/test_attacks.py::"
        "test_no_address_in_a_token_or_receipt_is_called",
        "a webhook without TLS": "unit/test_settings.py::"
        "test_what_is_no_url_of_a_webhook_is_refused_and_not_shown",
        "a webhook that leads elsewhere": "integration/test_webhooks.py::"
        "test_a_redirect_is_a_refusal_and_not_followed",
    },
    "8 Security misconfiguration": {
        "a page of any origin": "integration/test_pages_of_other_origins.py::"
        "test_where_no_page_is_named_none_is_let_in",
        "what nobody has configured": "unit/test_settings.py::"
        "test_with_tokens_what_nobody_configured_is_closed",
        "a page with cookies": "integration/test_pages_of_other_origins.py::test_no_page_may_send_cookies",
        "OPTIONS on every route": "hostile/test_attacks.py::test_options_does_nothing_on_any_route",
        "users' ids of paths in the log": "hostile/test_attacks.py::test_no_log_line_names_a_user_of_a_path",
        "secrets in the log": "hostile/test_leaks.py::test_nothing_that_is_secret_is_logged_or_counted",
        "production without tokens": "unit/test_template.py::test_prod_is_not_deployed_without_tokens",
    },
    "9 Improper inventory management": {
        "a route or a mounted app beside the document": "hostile/test_attacks.py::test_no_route_is_hidden",
        "a route that the document does not name": "unit/test_schemas.py::"
        "test_the_document_names_every_endpoint",
        "a route that no test tries": "hostile/test_hidden.py::test_every_route_is_among_the_operations",
    },
    "10 Unsafe consumption of APIs": {
        "keys that are none": "hostile/test_parsers.py::test_keys_are_keys_or_a_settings_error",
        "a cached row that is none": "hostile/test_parsers.py::"
        "test_a_cached_session_is_read_or_a_named_error",
        "a bus that says yes and no": "integration/test_events.py::"
        "test_an_entry_with_an_error_code_was_not_taken",
        "a webhook that asks for nonsense": "integration/test_webhooks.py::"
        "test_what_says_no_time_is_left_out",
        "a webhook that answers without end": "integration/test_webhooks.py::"
        "test_what_is_accepted_is_not_waited_for_until_its_last_byte",
    },
}
