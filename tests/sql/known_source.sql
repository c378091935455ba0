begin;
select plan(2);

select is(hubspot_sync.known_source(), null, 'at first nobody knows who we are in HubSpot');
update hubspot_sync.settings set value = '4711' where key = 'hubspot_source_id';
select is(hubspot_sync.known_source(), '4711', 'then it is the setting');

select * from finish();
rollback;
