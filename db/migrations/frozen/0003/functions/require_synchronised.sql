-- Refuses a table HubSpot is not told of.
create or replace function hubspot_sync.require_synchronised(p_table text)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_table is null
     or p_table not in ('hubspot_bookings', 'hubspot_contact_credits', 'hubspot_mock_exams',
                        'sync_notes') then
    raise exception 'table % is not synchronised', left(p_table, 100)
      using errcode = '22023',
            hint = 'hubspot_bookings, hubspot_contact_credits, hubspot_mock_exams or sync_notes.';
  end if;
end;
$$;

comment on function hubspot_sync.require_synchronised(text) is
  'Raises 22023 unless p_table is one whose records go to HubSpot.';
revoke execute on function hubspot_sync.require_synchronised(text)
  from public, anon, authenticated;
