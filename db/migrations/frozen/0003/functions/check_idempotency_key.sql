-- Tells what an idempotency key was used for.
create or replace function api.check_idempotency_key(p_idempotency_key text default null)
  returns api.idempotency_check
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_check api.idempotency_check;
begin
  perform hubspot_sync.require_administrator();
  select true, b.booking_id, b.id, b.hubspot_id, b.is_active, b.student_id, b.mock_exam_id,
         b.created_at
    into v_check.found, v_check.booking_id, v_check.id, v_check.hubspot_id, v_check.is_active,
         v_check.student_id, v_check.mock_exam_id, v_check.created_at
    from hubspot_sync.hubspot_bookings b
   where b.idempotency_key = nullif(trim(p_idempotency_key), '');
  if not found then
    return null;
  end if;
  return v_check;
end;
$$;

comment on function api.check_idempotency_key(text) is
  'The booking made under a key, found = true; for a key that is null or unknown null, which '
  'over HTTP arrives as an object of nulls. Raises 42501 (not allowed).';
revoke execute on function api.check_idempotency_key(text) from public, anon, authenticated;
grant execute on function api.check_idempotency_key(text) to authenticated, service_role;
