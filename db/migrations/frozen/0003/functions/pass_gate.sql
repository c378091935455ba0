-- Passes the gate of an exam: one of its four slots is ours until the end of the transaction.
--
-- Whoever brings a booking to an exam passes it, so that whoever changes the exam as a whole can
-- close it (hubspot_sync.close_gate) and find nobody half way through. Four slots, because more
-- bookings of one exam at work would only wait for its counter.
create or replace function hubspot_sync.pass_gate(p_mock_exam_id text)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtext(p_mock_exam_id), pg_backend_pid() % 4);
end;
$$;

comment on function hubspot_sync.pass_gate(text) is
  'Waits for one of the four slots of an exam''s gate (p_mock_exam_id: its HubSpot id) and keeps '
  'it until the end of the transaction.';
revoke execute on function hubspot_sync.pass_gate(text) from public, anon, authenticated;
