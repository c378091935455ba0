-- Refuses a table whose records are not read from HubSpot.
create or replace function hubspot_sync.require_readable(p_table text)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_table is null
     or p_table not in ('hubspot_bookings', 'hubspot_contact_credits', 'hubspot_mock_exams') then
    raise exception 'table % is not read from HubSpot', left(p_table, 100)
      using errcode = '22023',
            hint = 'hubspot_bookings, hubspot_contact_credits or hubspot_mock_exams.';
  end if;
end;
$$;

comment on function hubspot_sync.require_readable(text) is
  'Raises 22023 unless p_table is one whose records come from HubSpot, too.';
revoke execute on function hubspot_sync.require_readable(text) from public, anon, authenticated;
