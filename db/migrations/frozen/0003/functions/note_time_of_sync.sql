-- Notes at records of HubSpot's that they were found as they are here. A row that somebody holds
-- is left out: its time is told by the next reading, and nobody is waited for.
create or replace function hubspot_sync.note_time_of_sync(p_table text, p_hubspot_ids text[])
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
begin
  if p_table = 'hubspot_bookings' then
    update hubspot_sync.hubspot_bookings b
       set hubspot_last_sync_at = v_now
      from (select l.id from hubspot_sync.hubspot_bookings l
             where l.hubspot_id = any (p_hubspot_ids)
               for no key update skip locked) f
     where b.id = f.id;
  elsif p_table = 'hubspot_contact_credits' then
    update hubspot_sync.hubspot_contact_credits c
       set hubspot_last_sync_at = v_now
      from (select l.id from hubspot_sync.hubspot_contact_credits l
             where l.hubspot_id = any (p_hubspot_ids)
               for no key update skip locked) f
     where c.id = f.id;
  elsif p_table = 'hubspot_mock_exams' then
    update hubspot_sync.hubspot_mock_exams e
       set hubspot_last_sync_at = v_now
      from (select l.id from hubspot_sync.hubspot_mock_exams l
             where l.hubspot_id = any (p_hubspot_ids)
               for no key update skip locked) f
     where e.id = f.id;
  end if;
end;
$$;

comment on function hubspot_sync.note_time_of_sync(text, text[]) is
  'Sets hubspot_last_sync_at of the records with these HubSpot ids, but of those that somebody '
  'else has locked.';
revoke execute on function hubspot_sync.note_time_of_sync(text, text[])
  from public, anon, authenticated;
