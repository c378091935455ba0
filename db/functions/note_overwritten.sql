-- Notes the edits in HubSpot that a write of ours hid before they were read.
--
-- A webhook tells which value somebody set. Where HubSpot holds what is here instead, and neither
-- the audit log nor a conflict knows of that value, the edit would be gone without a word. Of
-- several edits of a property the last one counts. Balances are not among them: their history
-- keeps every edit.
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
  select p_table, h.record, e.field, v.read, e.value,
         'ours: it was written over this edit, before that was read'
    from jsonb_array_elements(p_records) r
   cross join lateral (
     select hubspot_sync.known_record(p_table, r.value ->> 'id') as record offset 0) h
   cross join lateral (
     select distinct on (q.field) q.field, q.value, q.epoch
       from (select o.event ->> 'propertyName' as field,
                    case
                      -- A day is told in milliseconds.
                      when o.event ->> 'propertyName' = 'exam_date'
                           and o.event ->> 'propertyValue' ~ '^[0-9]{9,15}$'
                        then hubspot_sync.parse_day(
                               o.event ->> 'propertyValue', 'exam_date')::text
                      else coalesce(o.event ->> 'propertyValue', '') end as value,
                    o.event -> 'occurredAt' as at, o.epoch, o.id
               from hubspot_sync.webhook_inbox o
              where o.hubspot_id = r.value ->> 'id'
                and o.table_name = p_table
                and o.kind = 'propertyChange'
                and (o.event ->> 'changeSource' is distinct from 'INTEGRATION'
                     -- Until our own id is learnt, the application that is told is taken for us.
                     or o.event ->> 'sourceId' <> coalesce(
                          hubspot_sync.setting('hubspot_source_id'), o.event ->> 'appId'))
             offset 0) q
      order by q.field, q.at desc, q.id desc) e
   cross join lateral (
     select coalesce(r.value #>> array['properties', e.field], '') as read,
            hubspot_sync.record_properties(p_table, h.record) ->> e.field as ours) v
    left join hubspot_sync.field_owners w on w.table_name = p_table and w.field = e.field
   where h.record is not null
     and e.epoch = p_epoch
     and w.owner is distinct from 'sum'
     and r.value -> 'properties' ? e.field
     and lower(e.value) <> lower(v.read)
     and lower(v.read) = lower(v.ours)
     and not exists (select from hubspot_sync.sync_conflicts f
                      where f.record = h.record
                        and f.field = e.field
                        and lower(f.hubspot_value) = lower(e.value))
     and not exists (select from hubspot_sync.supabase_audit_log a
                      where a.record = h.record
                        and e.field = any (a.changed_fields)
                        and lower(a.new_values ->> e.field) = lower(e.value));
end;
$$;

comment on function hubspot_sync.note_overwritten(text, bigint, jsonb) is
  'Writes a conflict for each property that an event of the claim p_epoch says somebody edited '
  'last, and that HubSpot now holds as it is here, if nothing else tells of that edit. p_records: '
  'as receive_records has them, once they are applied.';
revoke execute on function hubspot_sync.note_overwritten(text, bigint, jsonb)
  from public, anon, authenticated;
