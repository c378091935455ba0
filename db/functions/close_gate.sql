-- Closes the gate of an exam: once this returns, nobody is bringing it a booking, and nobody will
-- before the transaction ends. Taken after the exam's row and before any contact or booking.
create or replace function hubspot_sync.close_gate(p_mock_exam_id text)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtext(p_mock_exam_id), g.slot)
     from generate_series(0, 3) g (slot);
end;
$$;

comment on function hubspot_sync.close_gate(text) is
  'Waits for all four slots of an exam''s gate (p_mock_exam_id: its HubSpot id), in order, and '
  'keeps them until the end of the transaction.';
revoke execute on function hubspot_sync.close_gate(text) from public, anon, authenticated;
