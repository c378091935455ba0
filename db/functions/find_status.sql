-- Reads the status a caller filters by.
create or replace function hubspot_sync.find_status(p_status text)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_status text := hubspot_sync.booking_status(trim(p_status));
begin
  if p_status is null then
    return null;
  end if;
  if v_status not in ('Active', 'Cancelled', 'Completed') then
    raise exception 'status % does not exist', p_status
      using errcode = '22023', hint = 'One of: Active, Cancelled, Completed.';
  end if;
  return v_status;
end;
$$;

comment on function hubspot_sync.find_status(text) is
  'Active, Cancelled or Completed for any spelling of these, null for null. '
  'Raises 22023 for another word.';
revoke execute on function hubspot_sync.find_status(text) from public, anon, authenticated;
