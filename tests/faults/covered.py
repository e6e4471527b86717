"""The suite's table: what each id means, what is expected, and which tests show it. Tests that stand elsewhere are not written twice."""

from __future__ import annotations

from dataclasses import dataclass

SCOPE = (
    *(f"F{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 16, *range(18, 26))),
    *(f"W{number}" for number in range(1, 8)),
    *(f"S{number}" for number in (1, 2, 3, 4, 5, 7, 8, 10)),
)
"""Every id that this suite must show."""


@dataclass(frozen=True, slots=True)
class Row:
    """One id."""

    fault: str
    expected: str
    tests: tuple[str, ...]
    """Node ids without parameters."""


F = "tests/faults/"
COVERED: dict[str, Row] = {
    "F1": Row(
        "429 with every form of Retry-After",
        "fall back; at most 2 tries a deployment, retries at most 20 % of the calls; nobody waits longer than `retry.longest_wait_s`",
        (
            f"{F}test_upstream.py::test_too_many_requests_in_every_form_fall_back",
            f"{F}test_upstream.py::test_an_absurd_wait_is_not_waited_for_where_nothing_else_is_left",
            f"{F}test_upstream.py::test_too_many_requests_under_load",
            "tests/backends/test_attempts.py::test_retry_after_in_all_its_forms",
            "tests/backends/test_attempts.py::test_retries_stay_within_their_share_of_the_calls",
        ),
    ),
    "F2": Row(
        "half of the replies are 500, 502, 503, 529",
        "fall back; the breaker opens after 5 in a row, one call probes",
        (
            f"{F}test_upstream.py::test_half_of_the_replies_are_errors",
            f"{F}test_upstream.py::test_a_breaker_opens_and_one_call_probes",
            "tests/backends/test_attempts.py::test_a_breaker_opens_after_five_failures_and_one_call_tries_it_again",
        ),
    ),
    "F3": Row(
        "nobody at the address, no name, no TLS, a connection that hangs",
        "fall back within the time-out for connecting",
        (
            f"{F}test_upstream.py::test_what_cannot_be_reached_falls_back_in_time",
            f"{F}test_upstream.py::test_tls_that_fails_is_an_error_that_says_so",
            "tests/backends/test_client_tls.py::test_a_handshake_that_stalls",
            "tests/backends/test_client_tls.py::test_a_certificate_that_nobody_vouches_for",
        ),
    ),
    "F4": Row(
        "no first byte",
        "fall back after `first_byte_timeout_s`, else 504",
        (f"{F}test_upstream.py::test_a_hang_before_the_first_byte_falls_back",),
    ),
    "F5": Row(
        "a stream stops in its middle",
        "an error event and a closed connection; tried nowhere else; recorded with `upstream_timeout`, usage estimated",
        (f"{F}test_upstream.py::test_a_stream_that_breaks_ends_in_an_error_and_is_tried_nowhere_else",),
    ),
    "F6": Row(
        "a stream is reset, closed, or ends without its end",
        "the same; whole without `[DONE]` where it said why it ended",
        (
            f"{F}test_upstream.py::test_a_stream_that_breaks_ends_in_an_error_and_is_tried_nowhere_else",
            f"{F}test_upstream.py::test_a_stream_that_said_why_it_ended_is_whole_without_done",
            "tests/gateway/test_dialects.py::test_a_broken_stream_ends_with_an_error_and_never_as_a_success",
            "tests/wire/test_passing.py::test_messages_that_break_off_or_fail",
        ),
    ),
    "F7": Row(
        "garbage in streams, a reply that unpacks without measure",
        "bytes pass or end as an error; bounded memory; others unharmed",
        (
            f"{F}test_upstream.py::test_garbage_in_a_stream_harms_nobody",
            f"{F}test_upstream.py::test_a_reply_that_unpacks_to_a_thousand_times_its_size_is_not_unpacked",
            "tests/backends/test_client_parsing.py::test_any_bytes_only_fail_the_reply",
        ),
    ),
    "F8": Row(
        "the caller leaves within a stream",
        "the provider is stopped within a second; billed once, as an estimate",
        (f"{F}test_upstream.py::test_a_caller_who_leaves_stops_the_provider_and_pays_once",),
    ),
    "F9": Row(
        "slow heads, slow bodies, a reader who takes nothing",
        "408 in their time, back-pressure, others unharmed",
        (
            f"{F}test_slow.py::test_many_slow_callers_are_sent_away_and_nobody_else_waits",
            f"{F}test_slow.py::test_a_caller_who_does_not_read_stops_the_provider",
            f"{F}test_slow.py::test_connections_beyond_the_limit_are_told_so",
            "tests/backends/test_client.py::test_a_slow_reader_stops_the_provider",
        ),
    ),
    "F10": Row(
        "EIO or ENOSPC at the k-th change of a file, a full disk",
        "nothing acknowledged is lost, no file is corrupt; fail_open serves, counts and alarms, fail_closed "
        "answers 503; over without a restart",
        (
            f"{F}test_disk.py::test_the_store_survives_a_failure_at_any_change",
            f"{F}test_disk.py::test_a_full_disk_stops_nobody_and_is_over_without_a_restart",
            f"{F}test_disk.py::test_under_fail_closed_nothing_is_answered_unrecorded",
            f"{F}test_disk.py::test_a_ledger_whose_next_file_cannot_be_made_goes_on_there_when_it_can",
            f"{F}test_disk.py::test_a_writer_that_cannot_cut_a_torn_frame_off_begins_another_segment",
        ),
    ),
    "F11": Row(
        "kill -9 under load, and at the k-th change of a file",
        "every acknowledged call once; serving again in less than 3 s",
        (
            f"{F}test_life.py::test_killed_at_any_moment_nothing_acknowledged_is_lost",
            f"{F}test_life.py::test_a_worker_that_dies_again_and_again_is_replaced",
            f"{F}test_disk.py::test_the_store_survives_a_failure_at_any_change",
            "tests/gateway/test_processes.py::test_kill_9_loses_no_call_whose_reply_was_seen_finished",
            "tests/store/test_killed.py::test_a_killed_import_that_is_run_again_brings_each_call_in_once",
            "tests/store/test_killed.py::test_a_killed_compaction_loses_and_doubles_nothing",
            "tests/store/test_ledger.py::test_killed_at_any_moment_nothing_settled_is_lost_or_doubled",
        ),
    ),
    "F13": Row(
        "the wall clock jumps or stands",
        "time-outs and limits go on, no id twice",
        (
            f"{F}test_clock.py::test_a_clock_that_jumps_changes_no_wait_no_limit_and_no_record",
            f"{F}test_watcher.py::test_a_watcher_whose_clock_jumps_skips_no_step",
            "tests/store/test_ledger.py::test_clocks_that_jump_open_no_budget_and_no_minute_again",
        ),
    ),
    "F15": Row(
        "SIGTERM under load",
        "no reply cut, exit 0 within `drain_s`",
        (
            f"{F}test_life.py::test_sigterm_under_load_cuts_no_reply",
            "tests/gateway/test_processes.py::test_draining_ends_when_its_time_is_over",
        ),
    ),
    "F16": Row(
        "SIGHUP again and again, bad configurations among them",
        "the one before holds; nothing dropped",
        (f"{F}test_life.py::test_a_configuration_read_again_under_load_drops_nothing",),
    ),
    "F18": Row(
        "a specialist crashes, says NaN, nothing or an empty word, is slow or is not what it says",
        "the incumbent answers, with an alarm; never an empty answer",
        (
            f"{F}test_specialist.py::test_what_it_cannot_say_the_incumbent_says",
            f"{F}test_specialist.py::test_what_is_no_label_is_never_an_empty_answer",
            f"{F}test_specialist.py::test_one_that_is_ten_times_as_slow_still_answers",
            f"{F}test_specialist.py::test_an_artefact_that_is_not_what_it_says_answers_nothing",
            "tests/backends/test_linear.py::test_damaged_files_are_refused_or_still_predict",
        ),
    ),
    "F19": Row(
        "a route is sent back by command, under load",
        "no worker asks it for anything 2 s later",
        (
            f"{F}test_steps.py::test_a_rollback_by_command_reaches_every_worker_within_two_seconds",
            "tests/gateway/test_canary.py::test_a_rollback_reaches_every_worker_while_they_are_busy",
        ),
    ),
    "F20": Row(
        "workers are killed while a route takes a step",
        "those that take their place know the new step",
        (f"{F}test_steps.py::test_a_worker_killed_while_a_route_takes_a_step_is_replaced_and_knows_it",),
    ),
    "F21": Row(
        "the watcher is killed at any moment",
        "it is started again; each step is taken once, none is skipped, no draw counts twice",
        (f"{F}test_watcher.py::test_a_watcher_killed_at_any_moment_takes_each_step_once",),
    ),
    "F22": Row(
        "two watchers at once",
        "one leads, the other takes over where it ends",
        (f"{F}test_watcher.py::test_of_two_watchers_one_leads",),
    ),
    "F23": Row(
        "no watcher",
        "after `return_after_minutes` the incumbent answers, little by little; back as soon as somebody watches",
        (f"{F}test_watcher.py::test_without_a_watcher_the_incumbent_answers_again",),
    ),
    "F24": Row(
        "the watcher's store is locked, or nothing can be written",
        "no step meanwhile, none skipped; it goes on by itself",
        (f"{F}test_watcher.py::test_a_watcher_whose_store_fails_takes_no_step_and_goes_on_when_it_can",),
    ),
    "F25": Row(
        "what was certified does not hold any more",
        "the route, left alone, came on by itself and goes back by itself",
        (f"{F}test_simulation.py::test_a_certified_route_can_be_left_alone",),
    ),
    "W1": Row(
        "requests made from a schema of both dialects",
        "documented codes only, never 500",
        (f"{F}test_fuzz.py::test_only_documented_codes_whatever_is_asked",),
    ),
    "W2": Row(
        "damaged bytes for every reader",
        "our own errors only, within 100 ms for 64 KiB",
        (
            f"{F}test_fuzz.py::test_damaged_bytes_raise_nothing_but_ours_and_take_no_time",
            "tests/store/test_codec.py::test_any_bytes_are_read_without_an_error",
            "tests/artefact/test_artefacts.py::test_any_manifest_is_read_or_refused",
            "tests/wire/test_otlp.py::test_any_bytes_are_spans_or_an_input_error",
        ),
    ),
    "W3": Row(
        "OpenAI -> ours -> Anthropic -> ours -> OpenAI",
        "equal, on 10,000 conversations; official clients parse every reply",
        (
            "tests/wire/test_between.py::test_ten_thousand_conversations_come_back",
            "tests/wire/test_between.py::test_an_answer_comes_back_as_it_went",
            "tests/peers/test_python.py::test_chat",
            "tests/peers/test_python.py::test_messages",
        ),
    ),
    "W4": Row(
        "bodies without measure",
        "400, 408, 413, 415 before more than the limit is held",
        (
            f"{F}test_bodies.py::test_bodies_without_measure_are_refused_before_they_are_held",
            f"{F}test_bodies.py::test_an_endless_head_is_cut_off",
        ),
    ),
    "W5": Row(
        "depth, names, digits, twins, half characters, NaN, NUL",
        "400, quickly",
        (
            f"{F}test_bodies.py::test_what_two_readers_could_read_differently_is_a_400",
            "tests/gateway/test_limits.py::test_what_two_readers_could_read_differently_is_refused_at_once",
        ),
    ),
    "W6": Row(
        "requests for too much",
        "400 or 413 before anything is done",
        (
            f"{F}test_bodies.py::test_bombs_are_refused_before_anything_is_done_with_them",
            f"{F}test_bodies.py::test_a_body_full_of_numbers_is_passed_on_and_keeps_nobody_waiting",
            "tests/view/test_allowance.py::test_ten_million_characters_of_numbers_take_no_time",
            "tests/gateway/test_limits.py::test_bombs_are_refused",
        ),
    ),
    "W7": Row(
        "heads that two readers could read differently",
        "400; nothing hidden is ever asked; a list of headers alone goes up",
        (
            f"{F}test_smuggling.py::test_what_two_readers_could_read_differently_is_refused",
            f"{F}test_smuggling.py::test_only_listed_headers_go_up",
            f"{F}test_smuggling.py::test_nothing_hides_behind_nginx",
        ),
    ),
    "S1": Row(
        "requests that choose a host",
        "0 connections beyond the configured",
        (
            f"{F}test_hosts.py::test_nothing_that_a_caller_says_chooses_a_host",
            "tests/backends/test_upstreams.py::test_no_body_model_or_path_chooses_a_host",
        ),
    ),
    "S2": Row(
        "a provider's key reaches another host",
        "0 of 10,000",
        (
            "tests/backends/test_upstreams.py::test_each_provider_sees_its_own_key_alone",
            "tests/backends/test_credentials.py::test_a_key_is_given_for_its_own_origin_alone",
        ),
    ),
    "S3": Row(
        "SQL, templates, forged lines",
        "text stays text",
        (f"{F}test_hosts.py::test_nothing_that_a_caller_says_is_a_statement_a_template_or_a_line",),
    ),
    "S4": Row(
        "the time of a key's look-up",
        "Welch |t| < 4.5",
        (f"{F}test_authority.py::test_looking_up_tells_nothing_by_its_time",),
    ),
    "S5": Row(
        "secrets in logs, traces, figures, records, crash dumps",
        "0 in every byte that is written",
        (
            f"{F}test_canaries.py::test_no_secret_stands_in_any_byte_that_is_written",
            "tests/view/test_canary.py::test_nothing_planted_is_left",
        ),
    ),
    "S7": Row(
        "tokens signed elsewhere; look-ups by a part of a key",
        "none are taken; by the digest of the whole secret",
        (
            f"{F}test_authority.py::test_the_key_is_looked_up_by_the_whole_of_its_secret",
            "tests/gateway/test_till.py::test_a_key_is_known_by_the_whole_of_its_secret",
        ),
    ),
    "S8": Row(
        "each route with each kind of key",
        "as its policy says; a route without one fails the test",
        (
            f"{F}test_authority.py::test_every_route_with_every_kind_of_key",
            f"{F}test_authority.py::test_a_scope_is_a_wall",
        ),
    ),
    "S10": Row(
        "paths that lead elsewhere",
        "refused; nothing read, nothing passed on",
        (
            f"{F}test_authority.py::test_no_path_leads_elsewhere",
            "tests/backends/test_provider.py::test_what_may_not_follow_a_path",
        ),
    ),
}
