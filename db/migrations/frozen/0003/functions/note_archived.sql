-- Takes the ids of HubSpot's recycling bin: no search finds what is in there, and no modified date
-- tells when it came there.
create or replace function hubspot_sync.note_archived(p_table text, p_ids text[])
  returns table (checked integer, queued integer)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
begin
  perform hubspot_sync.require_readable(p_table);
  with known as materialized (
    select b.hubspot_id
      from hubspot_sync.hubspot_bookings b
     where p_table = 'hubspot_bookings' and b.hubspot_id = any (p_ids) and b.deleted_at is null
    union all
    select c.hubspot_id
      from hubspot_sync.hubspot_contact_credits c
     where p_table = 'hubspot_contact_credits' and c.hubspot_id = any (p_ids)
       and c.deleted_at is null
    union all
    select e.hubspot_id
      from hubspot_sync.hubspot_mock_exams e
     where p_table = 'hubspot_mock_exams' and e.hubspot_id = any (p_ids) and e.deleted_at is null
  ), added as (
    insert into hubspot_sync.webhook_inbox
      (table_name, hubspot_id, kind, received_at, next_attempt_at)
    select p_table, k.hubspot_id, 'deletion', v_now, v_now
      from known k
     where not hubspot_sync.is_asked_for(p_table, k.hubspot_id, '-infinity')
     order by k.hubspot_id
    returning 1
  )
  select coalesce(cardinality(p_ids), 0), (select count(*)::integer from added)
    into checked, queued;
  return next;
end;
$$;

comment on function hubspot_sync.note_archived(text, text[]) is
  'Ids of records that HubSpot archived: those known here and not deleted become signals of kind '
  'deletion, unless one is open or dead. Raises 22023 for a table that HubSpot says nothing of.';
revoke execute on function hubspot_sync.note_archived(text, text[])
  from public, anon, authenticated;
grant execute on function hubspot_sync.note_archived(text, text[]) to service_role;
