begin;
select plan(45);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return timestamptz '2030-01-01 12:00+00';
create function pg_temp.types() returns jsonb language sql immutable as $$
  select '{"0-1": "hubspot_contact_credits", "2-1": "hubspot_bookings",
           "2-2": "hubspot_mock_exams"}'::jsonb
$$;
create function pg_temp.event(p_more jsonb default '{}') returns jsonb language sql as $$
  select '{"eventId": 1, "subscriptionId": 9, "portalId": 62, "appId": 7, "attemptNumber": 0,
           "occurredAt": 1893499200000, "subscriptionType": "object.propertyChange",
           "objectId": 501, "objectTypeId": "2-1", "propertyName": "attendance",
           "propertyValue": "Yes", "changeSource": "CRM_UI", "sourceId": "userId:1"}'::jsonb
         || p_more
$$;
create function pg_temp.store(variadic p_events jsonb[]) returns text language sql as $$
  select format('%s stored, %s known, %s ignored', s.stored, s.duplicates, s.ignored)
    from hubspot_sync.store_events(to_jsonb(p_events), pg_temp.types()) s
$$;
create temp view inbox as
  select i.id, replace(i.table_name, 'hubspot_', '') || ' ' || i.hubspot_id as record, i.kind,
         i.lane, i.done_at is not null as done, i.last_error, i.event, i.received_at,
         i.next_attempt_at, i.attempts
    from hubspot_sync.webhook_inbox i;

-- An event ------------------------------------------------------------------------------------
select is(pg_temp.store(pg_temp.event()), '1 stored, 0 known, 0 ignored', 'an event is stored');
select row_eq('select record, kind, lane, done, attempts from inbox',
              row('bookings 501'::text, 'propertyChange'::text, 'bulk'::text, false, 0),
              'it asks for its record to be read');
select row_eq('select received_at, next_attempt_at from inbox',
              row(hubspot_sync.clock(), hubspot_sync.clock()), 'now, by the one clock');
select is((select event from inbox), pg_temp.event(), 'the event is kept as it came');

-- The same event ------------------------------------------------------------------------------
select is(pg_temp.store(pg_temp.event()), '0 stored, 1 known, 0 ignored',
          'the same event is known');
select is(pg_temp.store(pg_temp.event('{"attemptNumber": 4, "subscriptionId": 8}')),
          '0 stored, 1 known, 0 ignored', 'whatever attempt of HubSpot''s it is');
update hubspot_sync.webhook_inbox set done_at = now();
select is(pg_temp.store(pg_temp.event()), '0 stored, 1 known, 0 ignored',
          'and after its record was read');
select is((select count(*) from inbox), 1::bigint, 'it is one row');
select is(pg_temp.store(pg_temp.event(differs)), '1 stored, 0 known, 0 ignored',
          format('another event: %s', differs))
  from unnest(array['{"eventId": 2}', '{"occurredAt": 1893499200001}', '{"objectId": 502}',
                    '{"propertyName": "is_active"}', '{"portalId": 63}',
                    '{"subscriptionType": "object.deletion"}']::jsonb[]) differs;
delete from hubspot_sync.webhook_inbox;
select is(pg_temp.store(pg_temp.event(), pg_temp.event('{"attemptNumber": 1}'),
                        pg_temp.event('{"eventId": 2}')),
          '2 stored, 1 known, 0 ignored', 'a request may hold an event twice');
select is(pg_temp.store(pg_temp.event('{"eventId": 77}'),
                        pg_temp.event('{"eventId": 77, "objectTypeId": "2-2"}')),
          '2 stored, 0 known, 0 ignored', 'two types may have a record of the same id');
select is(pg_temp.store(variadic array[]::jsonb[]), '0 stored, 0 known, 0 ignored',
          'and none at all');
delete from hubspot_sync.webhook_inbox;

-- What is known ------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity) values ('501', 3);
insert into hubspot_sync.sync_shadow (record, table_name, properties)
select e.id, 'hubspot_mock_exams', '{"attendance": "Yes"}' from hubspot_sync.hubspot_mock_exams e;
select is(pg_temp.store(pg_temp.event('{"objectTypeId": "2-2"}')),
          '1 stored, 0 known, 0 ignored', 'an event that tells what is known is stored');
select row_eq('select done, last_error from inbox',
              row(true, 'HubSpot is known to hold what this event tells'::text),
              'and asks for nothing');
delete from hubspot_sync.webhook_inbox;

-- Types ---------------------------------------------------------------------------------------
select pg_temp.store(pg_temp.event('{"objectTypeId": "0-1"}'),
                     pg_temp.event('{"objectTypeId": "2-2", "objectId": "77"}'),
                     pg_temp.event('{"subscriptionType": "contact.privacyDeletion", "objectId": 9}')
                       - 'objectTypeId');
select set_eq('select record, kind from inbox',
              $$values ('contact_credits 501', 'propertyChange'),
                       ('mock_exams 77', 'propertyChange'),
                       ('contact_credits 9', 'privacyDeletion')$$,
              'contacts, exams, and contacts whose event names no type');
delete from hubspot_sync.webhook_inbox;

-- Merges and associations ---------------------------------------------------------------------
select is(pg_temp.store(pg_temp.event(
            '{"subscriptionType": "object.merge", "objectTypeId": "0-1", "objectId": 3,
              "primaryObjectId": 1, "mergedObjectIds": [1, 2, "x", null, {}],
              "newObjectId": 3}')), '1 stored, 0 known, 0 ignored', 'a merge is one event');
select results_eq('select record from inbox where kind = ''merge'' order by record',
                  $$values ('contact_credits 1'), ('contact_credits 2'), ('contact_credits 3')$$,
                  'that asks for all that took part, once each');
select is(pg_temp.store(pg_temp.event(
            '{"subscriptionType": "object.merge", "objectTypeId": "0-1", "objectId": 3,
              "primaryObjectId": 1, "mergedObjectIds": [1, 2, "x", null, {}],
              "newObjectId": 3}')), '0 stored, 1 known, 0 ignored', 'and is known as one');
delete from hubspot_sync.webhook_inbox;
create function pg_temp.link(p_more jsonb) returns jsonb language sql as $$
  select pg_temp.event() - '{objectId,objectTypeId,propertyName,propertyValue}'::text[]
         || '{"subscriptionType": "object.associationChange", "fromObjectId": 11,
              "toObjectId": 12, "associationRemoved": false}' || p_more
$$;
select pg_temp.store(pg_temp.link('{"fromObjectTypeId": "0-1", "toObjectTypeId": "2-1"}'));
select results_eq('select record, kind from inbox',
                  $$values ('bookings 12', 'associationChange')$$,
                  'a changed association asks for its booking');
select pg_temp.store(pg_temp.link(
  '{"fromObjectTypeId": "2-1", "toObjectTypeId": "0-1", "fromObjectId": 13}'));
select set_has('select record from inbox', $$values ('bookings 13')$$, 'on either side');
insert into hubspot_sync.hubspot_bookings 
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('14', 'BK-14', 'E-1', 'S-14', 'ann@example.com');
select pg_temp.store(pg_temp.link('{"objectTypeId": "0-1", "fromObjectId": 5, "toObjectId": 14}'));
select set_has('select record from inbox', $$values ('bookings 14')$$,
               'where the type is not told, a booking is known by its id');
select is(pg_temp.store(pg_temp.link('{"objectTypeId": "0-1", "toObjectId": 15}')),
          '0 stored, 0 known, 1 ignored', 'a company''s association is none of ours');
select is(pg_temp.store(pg_temp.link('{"objectTypeId": "2-1", "fromObjectId": 16,
                                       "associationRemoved": true}')),
          '1 stored, 0 known, 0 ignored', 'a link that was ended is an event like any other');
delete from hubspot_sync.webhook_inbox;

-- What cannot be used -------------------------------------------------------------------------
select is(pg_temp.store('null', '1', '"text"', '[]', '{}', pg_temp.event() - 'objectId',
                        pg_temp.event('{"objectTypeId": "0-3"}'),
                        pg_temp.event('{"objectId": "1; drop table"}'),
                        pg_temp.event('{"objectId": -5}'), pg_temp.event('{"objectId": 1.5}'),
                        pg_temp.event('{"objectId": {"a": 1}}'), pg_temp.event('{"objectId": 7}')),
          '1 stored, 0 known, 11 ignored', 'what cannot be used stops nothing');
select ok((select bool_and(done and last_error is not null and record is null)
             from inbox where record is distinct from 'bookings 7'),
          'it is done at once, with the reason');
select set_eq('select distinct last_error from inbox where done',
              $$values ('this is no event'), ('objects of type 0-3 are not synchronised'),
                       ('this event names no record of a type that is synchronised')$$,
              'in words');
select is(pg_temp.store('null', '{}', pg_temp.event('{"objectTypeId": "0-3"}')),
          '0 stored, 3 known, 0 ignored', 'and kept once');
delete from hubspot_sync.webhook_inbox;
select is(pg_temp.store(pg_temp.event('{"subscriptionType": null}'),
                        pg_temp.event('{"subscriptionType": 5}'),
                        pg_temp.event('{"subscriptionType": ""}'),
                        pg_temp.event('{"subscriptionType": {"a": []}}')),
          '4 stored, 0 known, 0 ignored', 'a kind nobody knows is a reason to read a record, too');
select is((select max(length(kind)) < 51 and min(length(kind)) > 0 from inbox), true,
          'and has a short name');
delete from hubspot_sync.webhook_inbox;
select is(pg_temp.store(pg_temp.event(jsonb_build_object('occurredAt', absurd))),
          '1 stored, 0 known, 0 ignored', format('it happened at %s', absurd))
  from unnest(array['-1', '99999999999999999999999', '"yesterday"', 'null']::jsonb[]) absurd;
delete from hubspot_sync.webhook_inbox;
select pg_temp.store(pg_temp.event(jsonb_build_object('propertyValue', repeat('x', 900000))),
                     to_jsonb(repeat('y', 900000)));
select is((select max(length(event::text)) < 5000 from inbox), true, 'a long event is cut');
select is((select count(*) from inbox where record = 'bookings 501' and not done), 1::bigint,
          'and still asks for its record');
select is(pg_temp.store(pg_temp.event('{"mergedObjectIds": "1", "subscriptionType": "x.merge"}')),
          '1 stored, 0 known, 0 ignored', 'a merge of what is no list');

-- Refusals ------------------------------------------------------------------------------------
select throws_ok(format('select hubspot_sync.store_events(%s)', given), '22023', null, why)
  from (values
    ('null, ''{}''', 'no events'), ('''{}'', ''{}''', 'an event that is not in an array'),
    ('''[]'', null', 'no types')
  ) as t (given, why);
select throws_ok($$select hubspot_sync.store_events('[]', '{"0-1": "settings"}')$$, '22023', null,
                 'a table that is not synchronised');

select * from finish();
rollback;
