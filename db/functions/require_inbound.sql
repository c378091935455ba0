-- Refuses a table of which HubSpot has nothing to say.
create or replace function hubspot_sync.require_inbound(p_table text)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_table is null
     or p_table not in ('hubspot_bookings', 'hubspot_contact_credits', 'hubspot_mock_exams') then
    raise exception 'nothing of table % is read from HubSpot', left(p_table, 100)
      using errcode = '22023',
            hint = 'hubspot_bookings, hubspot_contact_credits or hubspot_mock_exams.';
  end if;
end;
$$;

comment on function hubspot_sync.require_inbound(text) is
  'Raises 22023 unless p_table is one whose records are read from HubSpot.';
revoke execute on function hubspot_sync.require_inbound(text) from public, anon, authenticated;
