-- Notes the edits in HubSpot that a write of ours hid before they were read.
--
-- A webhook tells which value somebody set. Where HubSpot holds what we wrote instead, and nothing
-- was read in between, that edit would be gone without a word. Balances are not among them: their
-- history keeps every edit.
create or replace function hubspot_sync.note_overwritten(
  p_table text,
  p_epoch bigint,
  p_records jsonb
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into hubspot_sync.sync_conflicts
    (entity, record, field, postgres_value, hubspot_value, decision)
  select p_table, h.record, e.field, r.value #>> array['properties', e.field], e.value,
         'ours: it was written over this edit, before that was read'
    from jsonb_array_elements(p_records) r
   cross join lateral (
     select distinct on (q.event ->> 'propertyName') q.event ->> 'propertyName' as field,
            coalesce(q.event ->> 'propertyValue', '') as value,
            hubspot_sync.parse_moment(q.event ->> 'occurredAt', 'occurredAt') as at
       from (select o.event, o.id
               from hubspot_sync.webhook_inbox o
              where o.hubspot_id = r.value ->> 'id'
                and o.table_name = p_table
                and o.done_at is null
                and o.epoch = p_epoch
                and o.kind = 'propertyChange'
                and o.event ->> 'occurredAt' ~ '^[0-9]{9,15}$'
             offset 0) q
      where q.event ->> 'changeSource' is distinct from 'INTEGRATION'
         -- Until our own id is learnt, the application that HubSpot tells is taken for us.
         or q.event ->> 'sourceId' <> coalesce(
              hubspot_sync.setting('hubspot_source_id'), q.event ->> 'appId')
      order by q.event ->> 'propertyName', q.event -> 'occurredAt' desc, q.id desc) e
   cross join lateral (
     select coalesce(x.id, c.id, b.id) as record
       from (select r.value ->> 'id' as hubspot_id) i
       left join hubspot_sync.hubspot_mock_exams x
         on p_table = 'hubspot_mock_exams' and x.hubspot_id = i.hubspot_id
       left join hubspot_sync.hubspot_contact_credits c
         on p_table = 'hubspot_contact_credits' and c.hubspot_id = i.hubspot_id
       left join hubspot_sync.hubspot_bookings b
         on p_table = 'hubspot_bookings' and b.hubspot_id = i.hubspot_id) h
    left join hubspot_sync.sync_shadow s on s.record = h.record
    left join hubspot_sync.field_owners o on o.table_name = p_table and o.field = e.field
   where h.record is not null
     and o.owner is distinct from 'sum'
     and r.value -> 'properties' ? e.field
     and e.at > coalesce(s.read_version, '-infinity')
     and lower(e.value) <> lower(coalesce(r.value #>> array['properties', e.field], ''))
     -- What it holds now is what we have.
     and lower(hubspot_sync.record_properties(p_table, h.record) ->> e.field)
         = lower(coalesce(r.value #>> array['properties', e.field], ''));
end;
$$;

comment on function hubspot_sync.note_overwritten(text, bigint, jsonb) is
  'Writes a conflict for each property that an event of the claim p_epoch says somebody edited, '
  'and that HubSpot now holds as we wrote it. p_records: as receive_records has them, before they '
  'are applied.';
revoke execute on function hubspot_sync.note_overwritten(text, bigint, jsonb)
  from public, anon, authenticated;
