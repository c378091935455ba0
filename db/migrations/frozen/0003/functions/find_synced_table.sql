-- Reads the name of a synchronised table as people write it.
create or replace function hubspot_sync.find_synced_table(p_name text)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table text;
begin
  if p_name is null then
    return null;
  end if;
  v_table := case lower(trim(p_name))
    when 'bookings' then 'hubspot_bookings'
    when 'contacts' then 'hubspot_contact_credits'
    when 'exams' then 'hubspot_mock_exams'
    when 'notes' then 'sync_notes'
    when 'hubspot_bookings' then 'hubspot_bookings'
    when 'hubspot_contact_credits' then 'hubspot_contact_credits'
    when 'hubspot_mock_exams' then 'hubspot_mock_exams'
    when 'sync_notes' then 'sync_notes'
  end;
  if v_table is null then
    raise exception 'table % is not synchronised', left(p_name, 100)
      using errcode = '22023', hint = 'One of bookings, contacts, exams and notes.';
  end if;
  return v_table;
end;
$$;

comment on function hubspot_sync.find_synced_table(text) is
  'The table that bookings, contacts, exams or notes stands for, or that is named itself; null for '
  'null. Raises 22023 for any other name.';
revoke execute on function hubspot_sync.find_synced_table(text) from public, anon, authenticated;
